"""Receivers without TLS: Postfix's own `smtp-sink -c`.

The same program, in C, for both sides, so that the receivers cost as little as possible and cost both the
same. No TLS, no latency: what is measured is the sender.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.receivers import Receivers, Sink

__all__ = ["Sink", "Sinks"]

_COUNTERS = re.compile(rb"mesg=(\d+)")


class Sinks(Receivers):
    """One smtp-sink for each address."""

    def _start(self) -> Iterator[subprocess.Popen[bytes]]:
        program = shutil.which("smtp-sink", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise RuntimeError("smtp-sink is not on this machine (apt-get install postfix)")
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        for sink in self.all:
            with self._counters(sink).open("wb") as out:
                yield subprocess.Popen(
                    [program, "-c", *user, "-m", "2000", f"{sink.host}:{sink.port}", "1024"],
                    stdout=out,
                    stderr=subprocess.DEVNULL,
                )

    def counted(self) -> int:
        return sum(self._count(sink) for sink in self.all)

    def _counters(self, sink: Sink) -> Path:
        return self._folder / sink.domain

    def _count(self, sink: Sink) -> int:
        """smtp-sink rewrites one line, `sess=… quit=… mesg=…`; the last one stands at the file's end."""
        with self._counters(sink).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 200))
            found = _COUNTERS.findall(file.read().rpartition(b"\r")[0])
        return int(found[-1]) if found else 0
