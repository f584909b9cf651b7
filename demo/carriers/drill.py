"""The carriers as a library: started as a process of their own, asked and told over their control port.

    with Drill("docomo-filters") as drill:
        …                                     # send to drill.port on the carriers' addresses
        drill.counts()["total"]["taken"]
        drill.forecast(addresses)             # the same from the scenario alone, before anything is sent

Owns that process: it ends with the block, and by itself after `seconds`. Refuses to send. Fails with
`DrillFailed`, which quotes what the process said.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from appliance.address import parse
from appliance.errors import OperatorError
from demo.carriers import scenario
from demo.carriers.brands import Filtering
from demo.carriers.census import Census
from demo.people import Condition
from demo.places import LOOPBACK

ROOT = Path(__file__).resolve().parents[2]
_START_S = 20.0
_STOP_S = 10.0


class DrillFailed(OperatorError):
    """The carriers did not start, or did not understand."""


class Drill:
    """`name` is a shipped scenario or a file. `dns` also serves names for the carriers, on `dns_port`."""

    def __init__(
        self,
        name: str,
        *,
        port: int = 0,
        dns: bool = False,
        zone: Path | None = None,
        tls: tuple[Path, Path] | None = None,
        seconds: float = 900,
    ) -> None:
        self.scenario = scenario.load(name)
        self._free = ExitStack()
        self.port = port or self._free_port(self.scenario.brands[0].ip)
        self._control = self._free_port(LOOPBACK)
        self.dns_port = self._free_port(LOOPBACK) if dns else 0
        self._command = [
            sys.executable, "-m", "demo.carriers", "--scenario", name, "--port", str(self.port),
            "--control", str(self._control), "--for", str(seconds),
        ]  # fmt: skip
        if dns:
            self._command += ["--dns", str(self.dns_port)]
        if zone is not None:
            self._command += ["--zone", str(zone)]
        if tls is not None:
            self._command += ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])]
        self._process: subprocess.Popen[str] | None = None

    def _free_port(self, host: str) -> int:
        """Held until the process starts, so that no two are the same."""
        held = self._free.enter_context(socket.socket())
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, 0))
        found: int = held.getsockname()[1]
        return found

    def __enter__(self) -> Self:
        self._free.close()
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self.counts()
            except DrillFailed:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = self._end()
                    raise DrillFailed(f"the carriers did not start:\n{said}") from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def _end(self) -> str:
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.communicate(timeout=_STOP_S)[0]
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.communicate()[0]

    # --- asking

    def counts(self) -> dict[str, Any]:
        """By carrier and in all, as `demo.carriers.counts` has them."""
        found: dict[str, Any] = self._ask("GET", "/counts")
        return found

    def mailboxes(self) -> dict[str, int]:
        """Every mailbox that something was taken for, and how many mails."""
        found: dict[str, int] = self._ask("GET", "/mailboxes")
        return found

    def turn(self, phase: str) -> None:
        """Begins a phase of the scenario. Returns when it has begun."""
        self._ask("POST", f"/phase/{phase}")

    def reset(self) -> None:
        """Counts from nothing."""
        self._ask("POST", "/reset")

    def forecast(self, addresses: Iterable[str], phase: str = scenario.FIRST) -> Counter[str]:
        """What becomes of one mail to each: kept, dropped, unknown, filtered, full."""
        census = Census(self.scenario.seed)
        by_domain = {domain: brand for brand in self.scenario.brands for domain in brand.domains}
        manners = self.scenario.phases[phase].manners
        found: Counter[str] = Counter()
        for text in addresses:
            address = parse(text)
            brand = by_domain[address.domain]
            condition = census.condition(brand.box(address), manners[brand.key])
            silent = brand.filtering is Filtering.SILENT
            found[_BECOMES[condition, silent]] += 1
        return found

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(f"http://{LOOPBACK}:{self._control}{path}", method=method)
        try:
            with _OPENER.open(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise DrillFailed(error.read().decode()) from None
        except OSError as error:
            raise DrillFailed(f"the carriers do not answer: {error}") from None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_BECOMES = {
    (Condition.FINE, True): "kept",
    (Condition.FINE, False): "kept",
    (Condition.GONE, True): "unknown",
    (Condition.GONE, False): "unknown",
    (Condition.FULL, True): "full",
    (Condition.FULL, False): "full",
    (Condition.FILTERED, True): "dropped",
    (Condition.FILTERED, False): "filtered",
}
