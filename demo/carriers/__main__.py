"""The carriers as a program: in a town (`make run`), or alone as a tool for drills and tests.

    python -m demo.carriers CROWD                              the six of the town, until SIGTERM or SIGINT
    python -m demo.carriers --scenario NAME|FILE --port 2525   alone; --help tells the rest

Owns the process. In a town CROWD is how many of the crowd have mailboxes, and the environment may give
LATENCY_MS and SCENARIO. Fails with one sentence for a scenario that cannot be read, and with a traceback in
its log when an address is taken.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

import uvloop

from demo import certificate, dns
from demo.carriers import scenario
from demo.carriers.control import Control
from demo.carriers.mailboxes import Mailboxes
from demo.carriers.scenario import Phase, Scenario, ScenarioRefused
from demo.carriers.serving import Carriers
from demo.phones.owners import ADDRESSES
from demo.places import Places

_EVERYDAY = 'title = "Everyday"\nseed = "town"\n[all]\nlatency_ms = [{0}, {0}]\n'


async def town(places: Places, crowd: int) -> None:
    """Until told to stop."""
    named = os.environ.get("SCENARIO", "")
    latency_ms = float(os.environ.get("LATENCY_MS", "0"))
    played = scenario.load(named) if named else scenario.read(_EVERYDAY.format(latency_ms))
    boxes = Mailboxes(places.mailboxes, ADDRESSES, crowd)
    tls = _tls(*certificate.paths(places))
    async with Carriers(played, places.smtp_port, residents=boxes, tls=tls):
        await _told_to_stop()
    boxes.close()


async def drill(given: argparse.Namespace) -> None:
    """Until told to stop, or `--for` seconds."""
    played = scenario.load(given.scenario)
    tls = _tls(given.tls_cert, given.tls_key) if given.tls_cert else None
    async with contextlib.AsyncExitStack() as open_doors:
        names = None
        if given.dns:
            records = dns.records(dns.carriers_zone(played.brands) + _text(given.zone))
            names = await open_doors.enter_async_context(dns.Nameserver(records, given.dns))

        def turned(phase: Phase) -> None:
            if names is not None:
                _trouble(names, played, phase)

        carriers = await open_doors.enter_async_context(Carriers(played, given.port, tls=tls, turned=turned))
        if given.control:
            await open_doors.enter_async_context(Control(carriers, given.control))
        print(f"carriers: {played.title or given.scenario} on port {given.port}", flush=True)
        await _told_to_stop(given.seconds)
        counts = carriers.counts()
        print(table(counts))
        if given.report:
            _write(given.report, counts | {"by_mailbox": carriers.mailboxes()})


def _trouble(names: dns.Nameserver, played: Scenario, phase: Phase) -> None:
    for kind, domains in (("silent", names.silent), ("failing", names.failing)):
        domains.clear()
        for brand in played.brands:
            if phase.manners[brand.key].dns == kind:
                domains.update(brand.domains)


def table(counts: dict[str, Any]) -> str:
    """The counts for people."""
    columns = ("connections", "peak_connections", "taken", "kept", "dropped", "duplicates", "reordered")
    lines = [f"{'':12}" + "".join(f"{name.replace('peak_connections', 'peak'):>13}" for name in columns)]
    for key, report in (*counts["carriers"].items(), ("total", counts["total"])):
        refused = ", ".join(f"{kind} {count:,}" for kind, count in report["refused"].items())
        row = "".join(f"{report[name]:>13,}" for name in columns)
        lines.append(f"{key:12}{row}" + (f"   refused: {refused}" if refused else ""))
    return "\n".join(lines)


def _write(path: Path, content: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds addresses
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)


def _text(path: Path | None) -> str:
    return "\n" + path.read_text(encoding="ascii") if path else ""


def _tls(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context


async def _told_to_stop(within_s: float | None = None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await stop.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.carriers", description="Simulated carriers.")
    parser.add_argument("crowd", nargs="?", type=int, default=0, help="in a town: size of its crowd")
    parser.add_argument("--scenario", help=f"a file, or one of {', '.join(scenario.shipped())}")
    parser.add_argument("--port", type=int, default=2525, help="SMTP port of all carriers")
    parser.add_argument("--control", type=int, default=0, help="HTTP port for counts and phases; 0: none")
    parser.add_argument("--dns", type=int, default=0, help="port of a name server for them; 0: none")
    parser.add_argument("--zone", type=Path, help="more records for it (master file)")
    parser.add_argument("--report", type=Path, help="write the counts there at the end")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain (PEM): offer STARTTLS")
    parser.add_argument("--tls-key", type=Path, help="its private key (PEM)")
    parser.add_argument("--for", dest="seconds", type=float, help="end by itself after so many seconds")
    given = parser.parse_args()
    if (given.tls_cert is None) != (given.tls_key is None):
        parser.error("--tls-cert and --tls-key: expected both or neither")
    try:
        uvloop.run(drill(given) if given.scenario else town(Places.from_environment(), given.crowd))
    except ScenarioRefused as error:
        print(f"carriers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
