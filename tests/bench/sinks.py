"""Eight receivers on loopback that take everything and count it: Postfix's own `smtp-sink -c`.

The same program, in C, for both sides, so that the receivers cost as little as possible and cost both the
same. Each listens on an address of its own (127.0.0.11 and up) and all on one port, because a relay knows
receivers by address and has one port. No TLS, no latency: what is measured is the sender.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.bench.message import SITES
from tests.support.waiting import free_port, listening, until

_COUNTERS = re.compile(rb"mesg=(\d+)")
_FIRST = 11


@dataclass(frozen=True, slots=True)
class Sink:
    """One receiver: the mail domain it stands for, and where it listens."""

    domain: str
    host: str
    port: int


class Sinks:
    """`with Sinks() as sinks:` starts them; `sinks.wait(n)` returns when they have counted n messages."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._folder = Path()
        port = free_port()
        self.all = [Sink(domain, f"127.0.0.{_FIRST + number}", port) for number, domain in enumerate(SITES)]

    def __enter__(self) -> "Sinks":
        program = shutil.which("smtp-sink", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise RuntimeError("smtp-sink is not on this machine (apt-get install postfix)")
        self._folder = Path(tempfile.mkdtemp(prefix="karamail-sinks-"))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        for sink in self.all:
            with self._counters(sink).open("wb") as out:
                self._running.append(
                    subprocess.Popen(
                        [program, "-c", *user, "-m", "2000", f"{sink.host}:{sink.port}", "1024"],
                        stdout=out,
                        stderr=subprocess.DEVNULL,
                    )
                )
        for sink in self.all:
            until(lambda sink=sink: listening(sink.port, sink.host), why=f"smtp-sink on {sink.host}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._running:
            each.terminate()
        for each in self._running:
            each.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def counted(self) -> int:
        """Messages taken so far, all receivers together."""
        return sum(self._count(sink) for sink in self.all)

    def wait(self, messages: int, *, within_s: float) -> float:
        """The monotonic time at which they had counted so many (to 10 ms). Raises TimeoutError."""
        deadline = time.monotonic() + within_s
        while (counted := self.counted()) < messages:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{counted} of {messages} messages after {within_s:.0f} s")
            time.sleep(0.01)
        return time.monotonic()

    def _counters(self, sink: Sink) -> Path:
        return self._folder / sink.domain

    def _count(self, sink: Sink) -> int:
        """smtp-sink rewrites one line, `sess=… quit=… mesg=…`; the last one stands at the file's end."""
        with self._counters(sink).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 200))
            found = _COUNTERS.findall(file.read().rpartition(b"\r")[0])
        return int(found[-1]) if found else 0
