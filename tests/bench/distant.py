"""Carriers at a distance: how long a ward takes when replies take their time and carriers have limits.

    python -m tests.bench.distant far      eight receivers, 50 ms to each reply, 20 connections to each
    python -m tests.bench.distant shaped   six carriers, 25 to 80 ms, limits enforced; --warm N, --people N

The receivers are the carrier simulator's; nobody is unknown or full, so that everybody must have it once.
Measured from "send" to the last committed 250, with the relay's real processes. Not part of `make bench`.

*Far.* A letter costs one round trip (body and next envelope leave in one write), so a connection carries 20
a second at 50 ms. 43,000 over 8 x 20 connections: 269 letters each, 13.4 s. What is more is our own.

*Shaped.* The limits are the relay's starting limits (`appliance.limits`, for a sender whom nobody knows yet)
times WARM: after some weeks of clean, regular mail we assume that a carrier bears twice as much. Connections
and rates grow, messages per connection stay. Nobody publishes such numbers; 1 is the cold start. The mix puts
41 % on docomo, about its share of mobile contracts and the most that plausibly lies on one carrier; the other
shares are guesses. Mean latency is 52.5 ms, so a connection carries 19 a second, less the two replies that
open it. For docomo with 4 connections of 50 letters each: 50/52 x 19 x 4 = 73 a second, and 17,630 letters
take 241 s cold, 121 s at WARM 2. Yahoo! JAPAN, 4 % at 10 a second: 172 s cold, 86 s at 2. Without PIPELINING
a letter costs four replies: docomo takes 929 s cold, 466 s at 2.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import broadcast, clock, delivery
from appliance.audience import Audience
from appliance.limits import STARTING_LIMITS
from appliance.models import Delivery
from appliance.states import DELIVERY_OPEN, DeliveryState
from demo.carriers.__main__ import table
from demo.carriers.brands import BRANDS
from demo.carriers.drill import Drill
from tests.bench.karamail_blast import started
from tests.bench.message import SITES, SUBJECT, TEXT, recipient
from tests.support.installation import Installation
from tests.support.waiting import free_port

LATENCY_MS = 50
CONNECTIONS = 20
MIX = {"docomo": 41, "au": 24, "softbank": 15, "google": 12, "yahoo_jp": 4, "apple": 4}
WARM = 2.0
LONGEST_S = 900.0


@dataclass(frozen=True, slots=True)
class Course:
    """What is run: the carriers' scenario, the relay's limits (`[relay.sites]`), and who lives where."""

    name: str
    scenario: str
    sites: str
    address: Callable[[int], str]


def far() -> Course:
    lines = ['title = "Far"', "[all]", f"latency_ms = [{LATENCY_MS}, {LATENCY_MS}]"]
    for number, domain in enumerate(SITES):
        lines += [
            f"[others.{domain.partition('.')[0]}]",
            f'domain = "{domain}"',
            f'ip = "127.0.0.{51 + number}"',
        ]
    sites = f"[relay.sites.other]\nconnections = {CONNECTIONS}\nmessages_per_connection = 10000\n"
    return Course("far", "\n".join(lines) + "\n", sites, recipient)


def shaped(warm: float, *, pipelining: bool = True) -> Course:
    """The carriers enforce what the relay was told, with one connection and a tenth of the rate to spare."""
    scenario = ['title = "Shaped"', 'seed = "shaped"', "[all]", "latency_ms = [25, 80]"]
    scenario.append(f"pipelining = {str(pipelining).lower()}")
    sites = []
    for brand in BRANDS:
        limits = STARTING_LIMITS[brand.carrier]
        connections = round(limits.connections * warm)
        sites += [f"[relay.sites.{brand.key}]", f"connections = {connections}"]
        sites.append(f"messages_per_connection = {limits.messages_per_connection}")
        scenario += [f"[{brand.key}]", f"connections = {connections + 1}"]
        scenario.append(f"messages_per_connection = {limits.messages_per_connection}")
        if limits.connections_per_s:
            sites.append(f"connections_per_s = {limits.connections_per_s * warm}")
        if limits.per_s:
            sites.append(f"per_s = {limits.per_s * warm}")
            scenario += [f"per_s = {limits.per_s * warm * 1.1}", f"burst = {round(limits.per_s * warm * 2)}"]
    places = [brand for brand in BRANDS for _ in range(MIX[brand.key])]

    def address(number: int) -> str:
        brand = places[number * 37 % 100]  # neighbours live apart
        return f"hogosha{number:06d}@{brand.domains[number % len(brand.domains)]}"

    return Course("shaped", "\n".join(scenario) + "\n", "\n".join(sites) + "\n", address)


def run(course: Course, people: int, workers: int) -> dict[str, Any]:
    """Seconds to the last committed 250, and the carriers' counts. RuntimeError if the books disagree."""
    folder = Path(tempfile.mkdtemp(prefix="karamail-bench-", dir="/var/tmp"))
    try:
        return _run(course, people, workers, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(course: Course, people: int, workers: int, folder: Path) -> dict[str, Any]:
    scenario = folder / "scenario.toml"
    scenario.write_text(course.scenario)
    with Drill(str(scenario), dns=True, seconds=LONGEST_S + 300) as drill:
        installation = Installation(
            folder / "installation",
            f"sqlite:///{folder}/karamail.db",
            mail_port=free_port(),
            dns_port=drill.dns_port,
            smtp_port=drill.port,
        )
        file = folder / "installation" / "karamail.toml"
        text = file.read_text().replace("workers = 1", f"workers = {workers}", 1)
        file.write_text(text + "\n" + course.sites)
        try:
            seconds = _send(installation, course, people, workers)
        finally:
            installation.close()
        counts = drill.counts()
        mailboxes = drill.mailboxes()
    if len(mailboxes) != people or set(mailboxes.values()) != {1}:
        raise RuntimeError(f"{len(mailboxes)} mailboxes of {people}, {sum(mailboxes.values())} mails")
    return {"seconds": seconds, "counts": counts}


def _send(installation: Installation, course: Course, people: int, workers: int) -> float:
    school = installation.school(people, course.address)
    actor = installation.principal(school)
    draft = broadcast.draft(
        actor, school, urgent=True, category="disaster", once_key="bench", now=clock.now(),
        subject=SUBJECT, body=TEXT, audience=Audience(None),
    )  # fmt: skip
    started(installation, workers)
    begun = time.monotonic()
    broadcast.send(installation.config, actor, draft, shown_addresses=people, now=clock.now())
    still_open = Delivery.select(Delivery.id).where(
        Delivery.broadcast == draft.id, Delivery.state.in_(DELIVERY_OPEN)
    )
    while still_open.exists():
        if time.monotonic() - begun > LONGEST_S:
            raise TimeoutError(f"not done: {delivery.progress(draft.id)}")
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    accepted = delivery.progress(draft.id).by_state[DeliveryState.ACCEPTED]
    if accepted != people:
        raise RuntimeError(f"{accepted} of {people} accepted")
    return seconds


def _cpu_s() -> float:
    """Of the workers and the carriers that have ended: what others do on this machine is not in it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.distant", description="Distant carriers.")
    parser.add_argument("course", choices=("far", "shaped"))
    parser.add_argument("--people", type=int, default=43_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--warm", type=float, default=WARM, help="shaped: times the starting limits")
    parser.add_argument("--no-pipelining", action="store_true", help="shaped: no carrier offers it")
    given = parser.parse_args()
    course = far() if given.course == "far" else shaped(given.warm, pipelining=not given.no_pipelining)
    spent = _cpu_s()
    try:
        found = run(course, given.people, given.workers)
    except (RuntimeError, TimeoutError, OSError) as error:
        sys.exit(f"{course.name}: {error}")
    seconds = round(found["seconds"], 2)
    print(table(found["counts"]))
    print(f"{course.name}: {given.people:,} in {seconds:.1f} s, {given.people / seconds:,.0f} a second")
    figures = {
        "course": course.name,
        "people": given.people,
        "workers": given.workers,
        "warm": given.warm if given.course == "shaped" else None,
        "pipelining": not given.no_pipelining,
        "seconds": seconds,
        "cpu_s": round(_cpu_s() - spent, 1),
        "load_before": os.getloadavg()[2],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
