"""What the doctor has found, as figures for Prometheus: from there every node knows it of every other.

Owns the three names and the file. The sentences travel as labels of what is not well, so that an alert, and
`--all-nodes`, says the same as the doctor on its node. Refuses to judge. Fails as the disk does.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from appliance import clock
from cli.doctor.finding import Finding, Status

AREA_STATUS = "karamail_doctor"
FINDING = "karamail_doctor_finding"
TIME = "karamail_doctor_time_seconds"
_HELP = "0: all is well, 1: warning, 2: broken."


def write(target: Path, findings: Sequence[Finding], areas: Iterable[str]) -> None:
    """Replaces the file, whole. An area of which nothing was found is well."""
    registry = CollectorRegistry()
    status = Gauge(AREA_STATUS, f"Of an area, the worst. {_HELP}", ["area"], registry=registry)
    for area in areas:
        status.labels(area).set(
            max((each.status for each in findings if each.area == area), default=Status.OK)
        )
    words = Gauge(FINDING, f"What is not well. {_HELP}", ["area", "what", "means", "todo"], registry=registry)
    for each in findings:
        if each.status is not Status.OK:
            words.labels(each.area, each.what, each.means, each.todo).set(each.status)
    Gauge(TIME, "When the doctor looked.", registry=registry).set(clock.now().timestamp())
    fresh = target.with_suffix(".new")
    fresh.write_bytes(generate_latest(registry))
    os.chmod(fresh, 0o644)
    fresh.rename(target)
