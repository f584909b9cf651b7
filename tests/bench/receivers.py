"""What receivers of a bench have in common: processes on loopback that take everything and count it.

Eight, each on an address of its own (127.0.0.11 and up) and all on one port, because a relay knows receivers
by address and has one port. Refuses to know how a receiver takes a message: `sinks` and `tls_sinks` do.
"""

import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.message import SITES
from tests.support.waiting import free_port, listening, until

_FIRST = 11


@dataclass(frozen=True, slots=True)
class Sink:
    """One receiver: the mail domain it stands for, and where it listens."""

    domain: str
    host: str
    port: int


class Receivers(ABC):
    """`with Sinks() as sinks:` starts them; `sinks.wait(n)` returns when they have counted n messages."""

    def __init__(self) -> None:
        port = free_port()
        self.all = [Sink(domain, f"127.0.0.{_FIRST + number}", port) for number, domain in enumerate(SITES)]
        self._running: list[subprocess.Popen[bytes]] = []
        self._folder = Path()

    @abstractmethod
    def _start(self) -> Iterator[subprocess.Popen[bytes]]:
        """The processes, as they are started; they may write into `_folder`."""

    @abstractmethod
    def counted(self) -> int:
        """Messages taken so far, all receivers together."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="karamail-sinks-"))
        self._running.extend(self._start())
        for sink in self.all:
            until(lambda sink=sink: listening(sink.port, sink.host), why=f"a receiver on {sink.host}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._running:
            each.terminate()
        for each in self._running:
            each.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait(self, messages: int, *, within_s: float) -> float:
        """The monotonic time at which they had counted so many (to 10 ms). Raises TimeoutError."""
        deadline = time.monotonic() + within_s
        while (counted := self.counted()) < messages:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{counted} of {messages} messages after {within_s:.0f} s")
            time.sleep(0.01)
        return time.monotonic()
