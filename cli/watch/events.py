"""What the zones of this node have done, counted from the lines that they write (`appliance.log`).

Owns following the journal and four counters. The journal says which unit wrote a line, so no zone can speak
for another. Refuses lines that are not ours, and fields that might become a label per request: event,
endpoint's status class and outcome are closed words. A line that is no JSON is passed over. When journalctl
ends it is started again; what was written in between is not counted.
"""

import json
import shutil
import subprocess
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from appliance import log

UNITS = tuple(
    f"karamail-{name}.service"
    for name in ("guardian", "sender", "admin", "mail", "audit", "witness", "watch")
)
_AGAIN_S = 5.0
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_OUTCOMES = ("accepted", "deferred", "failed", "lost")


class Events:
    """The counters; `take` is given one line."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "karamail_events",
            "Lines of a zone's log, by what they tell.",
            ["zone", "event"],
            registry=registry,
        )
        self._requests = Counter(
            "karamail_requests", "Answers of a site, by the class of their status.", ["zone", "status"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "karamail_request_seconds", "How long an answer of a site took.", ["zone"], buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._settled = Counter(
            "karamail_settled", "Attempts of this node's workers, by how they ended.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self._mails = Counter("karamail_inbound_mails", "Mails that this node took in.", registry=registry)
        for unit in UNITS:
            self._events.labels(zone(unit), "unexpected")  # a counter that is there from the start can rise

    def take(self, unit: str, text: str) -> None:
        """One line of one unit."""
        try:
            line: dict[str, Any] = json.loads(text)
            event = str(line["event"])
        except (ValueError, KeyError, TypeError):
            return
        self._events.labels(zone(unit), event).inc()
        if event == "web.request":
            self._requests.labels(zone(unit), f"{int(line['status']) // 100}xx").inc()
            self._seconds.labels(zone(unit)).observe(int(line["ms"]) / 1000)
        elif event == "delivery.settled":
            for outcome in _OUTCOMES:
                self._settled.labels(outcome).inc(int(line[outcome]))
        elif event == "inbound.written":
            self._mails.inc(int(line["mails"]))


def zone(unit: str) -> str:
    """karamail-mail.service: mail."""
    return unit.removeprefix("karamail-").removesuffix(".service")


def follow(events: Events) -> None:
    """For as long as the process lives, from now on."""
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return
    command = [journalctl, "--follow", "--lines=0", "--output=json", "--output-fields=MESSAGE,_SYSTEMD_UNIT"]
    while True:
        with subprocess.Popen(  # noqa: S603  # fixed words
            [*command, *(f"_SYSTEMD_UNIT={unit}" for unit in UNITS)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as journal:  # fmt: skip
            assert journal.stdout is not None
            for entry in journal.stdout:
                found = json.loads(entry)
                events.take(found.get("_SYSTEMD_UNIT", ""), found.get("MESSAGE") or "")
        log.journal_ended(journal.returncode)
        time.sleep(_AGAIN_S)
