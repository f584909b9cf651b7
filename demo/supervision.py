"""The town under supervisor: its configuration, its start, its end.

Owns `supervisord.conf` and talking to supervisord over its socket. Refuses to manage processes itself:
restarts, logs and signals are supervisor's. Each zone gets its own secrets directory and no other. Fails with
`StartFailed`, which quotes the end of the log of the program that died.
"""

import ctypes
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from appliance.errors import OperatorError
from demo.places import Places
from demo.ports import wanted

ROOT = Path(__file__).resolve().parents[1]
_START_S = 60.0
_STOP_S = 40.0
_PR_SET_PDEATHSIG = 1
_TIMER = 'trap "kill $!; exit" TERM; while :; do sleep 30 & wait $!; "$@"; done'
"""On a node a systemd timer does this: names that came by mail are recognised in the admin zone."""
_DEAD = {"BACKOFF", "EXITED", "FATAL"}


class StartFailed(OperatorError):
    """A program of the town died or did not answer; the message quotes its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """One entry of supervisord.conf. `zone` names the secrets it may see; "" none."""

    name: str
    command: list[str]
    zone: str = ""


def programs(places: Places, mail_workers: int, crowd: int) -> list[Program]:
    """Everything that runs in a town, carriers and DNS first."""
    python = sys.executable
    karamail = [python, "-c", "from cli.main import main; main()", "--config", str(places.config_file)]
    serve = [*karamail, "serve"]
    phones = [
        python, "-m", "gunicorn", "--bind", f"127.0.0.1:{places.base}", "--threads", "8",
        "--log-level", "warning", "--graceful-timeout", "5", "demo.phones.app:create_app()",
    ]  # fmt: skip
    return [
        Program("dns", [python, "-m", "demo.dns"]),
        Program("carriers", [python, "-m", "demo.carriers", str(crowd)]),
        *(
            Program(f"mail-{number}", [*serve, "mail", "--worker", str(number)], "mail")
            for number in range(1, mail_workers + 1)
        ),
        *(Program(site, [*serve, site], site) for site in ("guardian", "sender", "admin")),
        Program("seal", [*karamail, "audit", "seal"]),
        Program("witness", [*karamail, "audit", "witness"]),
        Program("recognise", ["sh", "-c", _TIMER, "timer", *karamail, "registrants", "recognise"], "admin"),
        Program("phones", phones),
    ]


def _conf(places: Places, listed: list[Program], control: Path) -> str:
    def quoted(text: str) -> str:
        return text.replace("%", "%%")

    lines = [
        "; Written by demo.town at every start.",
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={quoted(str(places.logs / 'supervisord.log'))}",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        f"pidfile={quoted(str(places.run / 'supervisord.pid'))}",
        f"childlogdir={quoted(str(places.logs))}",
        "[unix_http_server]",
        f"file={quoted(str(control))}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for place, program in enumerate(listed):
        environment = {
            "KARAMAIL_TOWN": str(places.folder),
            "PORT_BASE": str(places.base),
            "PYTHONUNBUFFERED": "1",
        }
        if program.zone:
            environment["CREDENTIALS_DIRECTORY"] = str(places.secrets_dir / program.zone)
        command = " ".join("'" + part.replace("'", "'\\''") + "'" for part in program.command)
        pairs = ",".join(f'{key}="{value}"' for key, value in environment.items())
        lines += [
            f"[program:{program.name}]",
            f"command={quoted(command)}",
            f"directory={quoted(str(ROOT))}",
            f"environment={quoted(pairs)}",
            f"priority={place + 1}",
            "startsecs=2",
            "startretries=3",
            "autorestart=true",
            "stopwaitsecs=15",
            "stopasgroup=false",  # gunicorn's master stops its workers in order
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={quoted(str(places.logs / program.name))}.log",
            "stdout_logfile_maxbytes=5MB",
            "stdout_logfile_backups=1",
        ]
    return "\n".join(lines) + "\n"


def _die_with_parent() -> None:
    """In the child: SIGTERM when demo.town is gone, however it went (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """`with Supervisor(places, programs) as supervisor`: supervisord runs until the block ends."""

    def __init__(self, places: Places, listed: list[Program]) -> None:
        self._places = places
        self._listed = listed
        self._control = Path(tempfile.mkdtemp(prefix="karamail-"))  # socket paths have 107 octets at most

    def __enter__(self) -> "Supervisor":
        conf = self._places.run / "supervisord.conf"
        conf.write_text(_conf(self._places, self._listed, self._control / "control"), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # no threads here
        )
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self._control, ignore_errors=True)

    def wait_until_ready(self, stopped: Callable[[], bool]) -> bool:
        """Until every program runs and every door opens; False when `stopped()` said so first.

        Raises `StartFailed`.
        """
        deadline = time.monotonic() + _START_S
        while not stopped():
            if self.process.poll() is not None:
                raise StartFailed(
                    f"supervisord ended at once.\n{_tail(self._places.logs / 'supervisord.log')}"
                )
            states = self._states()
            for name, state in states.items():
                if state in _DEAD:
                    self._refuse(name, "died at its start")
            closed = [who for who, address, port in wanted(self._places) if not _opens(address, port)]
            if not closed and states and set(states.values()) == {"RUNNING"}:
                return True
            if time.monotonic() > deadline:
                late = ", ".join(closed) or str(states)
                raise StartFailed(f"not ready within {_START_S:.0f} s: {late}. Logs: {self._places.logs}")
            time.sleep(0.1)
        return False

    def _refuse(self, name: str, why: str) -> None:
        log = self._places.logs / f"{name}.log"
        raise StartFailed(f"{name} {why}. The end of {log}:\n{_tail(log)}")

    def _states(self) -> dict[str, str]:
        """Of every program; {} while supervisord does not answer yet."""
        transport = SupervisorTransport(None, None, f"unix://{self._control / 'control'}")
        rpc: Any = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return {entry["name"]: entry["statename"] for entry in rpc.supervisor.getAllProcessInfo()}
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return {}


def _opens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=0.5):
            return True
    except OSError:
        return False


def _tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return "  (no log)"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) + os.linesep
