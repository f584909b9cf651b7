"""Processes of the lab that outlive the command that starts them, and their end.

Owns one file per process under var/lab/run: its pid and the moment of its start, so that a number which the
kernel has given to somebody else is never signalled. Refuses names and patterns. Fails with `LabRefused` when
one does not end.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import places
from tests.lab.host import LabRefused


def start(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Starts it with its output in var/lab/log/NAME.log; returns its pid."""
    places.RUN.mkdir(parents=True, exist_ok=True)
    places.LOGS.mkdir(parents=True, exist_ok=True)
    with (places.LOGS / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            cwd=places.ROOT,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    _file(name).write_text(f"{process.pid} {_began(process.pid)}")
    return process.pid


def pid(name: str) -> int | None:
    """Of a process of ours that runs; None when it does not."""
    try:
        number, began = _file(name).read_text().split()
    except (OSError, ValueError):
        return None
    return int(number) if _began(int(number)) == began else None


def end(name: str, *, within_s: float = 30, number: int = signal.SIGTERM) -> None:
    """Signals it and waits; SIGKILL when that was not enough. Nothing to do when it does not run."""
    found = pid(name)
    if found is not None:
        for each, patience_s in ((number, within_s), (signal.SIGKILL, 10.0)):
            os.kill(found, each)
            if _gone(name, patience_s):
                break
        else:
            raise LabRefused(f"{name} (pid {found}) does not end")
    _file(name).unlink(missing_ok=True)


def children(parent: int) -> list[int]:
    """Pids of the children of a process."""
    text = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(word) for word in text.read_text().split()] if text.exists() else []


def _gone(name: str, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while pid(name) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _began(number: int) -> str:
    """Clock ticks at which a process began; "" for none, or one that is only waited for."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _file(name: str) -> Path:
    return places.RUN / f"{name}.pid"
