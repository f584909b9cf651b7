"""A machine is stolen, and what the runbook says is done without it; when it comes back, it is a stranger.

make lab-test LONG=1 ARGS=tests/lab/test_stolen.py
"""

import json
import os

import pytest

from tests.lab import deployment, host, nodes, places, strikes, wires
from tests.lab.host import LabRefused
from tests.lab.probes import log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LONG"), reason="takes as long as two deployments: LONG=1"),
    pytest.mark.timeout(1800),
]
_STOLEN = places.BY_NAME["n3"]
_LEFT = {"n1", "n2"}


def in_order() -> bool:
    """The two that are left: one leads, the other has all commits."""
    found = {each["Member"]: each for each in strikes.members() if each["State"] in ("running", "streaming")}
    return set(found) >= _LEFT and {found[name]["Role"] for name in _LEFT} == {"Leader", "Sync Standby"}


def lets_the_operator_in() -> bool:
    try:
        return host.on(_STOLEN.name, "echo in").strip() == "in"
    except LabRefused:
        return False


def test_a_stolen_machine_is_a_stranger_and_another_takes_its_place(school: Founded) -> None:
    until(strikes.whole, within_s=60, why="three members in order")
    wires.cut(_STOLEN)
    nodes.power_off(_STOLEN)
    until(in_order, within_s=60, why="two members in order")
    without = ["--limit", f"all:!{_STOLEN.name}"]
    confirmed = ["--extra-vars", json.dumps({"exchange_confirmed": places.WARD_DOMAIN})]
    deployment.play([*without, *confirmed], book="exchange.yml")
    deployment.play(without, book="authority.yml")
    assert log_in()

    wires.mend(_STOLEN)
    nodes.power_on(_STOLEN)
    until(
        lets_the_operator_in, within_s=60, why="sshd; its zones wait for a database that nobody lets it near"
    )
    with pytest.raises(LabRefused, match="the database did not answer"):
        host.on(_STOLEN.name, "karamail status", timeout_s=50)
    assert in_order()
    assert log_in()

    nodes.power_off(_STOLEN)
    nodes.forget(_STOLEN)
    nodes.prepare(_STOLEN)
    nodes.power_on(_STOLEN)
    nodes.wait(_STOLEN)
    deployment.play([])
    until(strikes.whole, within_s=60, why="three members again")
    assert log_in()
    for each in places.NODES:
        assert json.loads(host.on(each.name, "karamail audit verify --json"))["whole"]
