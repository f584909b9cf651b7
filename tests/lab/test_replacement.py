"""A node burns down; another machine takes its place by the same playbook, while the others serve.

make lab-test LONG=1 ARGS=tests/lab/test_replacement.py
"""

import json
import os

import pytest

from tests.lab import deployment, host, nodes, places, strikes
from tests.lab.lines import has, write
from tests.lab.probes import Probe, log_in
from tests.lab.test_encryption import opens
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LONG"), reason="takes as long as a deployment: LONG=1"),
    pytest.mark.timeout(1200),
]
_BURNT = "n1"


def test_another_machine_takes_the_place_of_a_node_that_burnt_down(school: Founded) -> None:
    node = places.BY_NAME[_BURNT]
    nodes.power_off(node)
    nodes.forget(node)
    nodes.prepare(node)
    nodes.power_on(node)
    nodes.wait(node)

    with Probe(log_in) as login:
        deployment.play([])
    assert sum(each.worked for each in login.attempts) > 0.9 * len(login.attempts), "others served meanwhile"

    until(strikes.whole, within_s=60, why="three members again")
    for each in places.NODES:
        assert json.loads(host.on(each.name, "karamail audit verify --json"))["whole"]
    _opens_by_the_newcomer_alone("n2", other="n3")
    words = write(_BURNT)
    until(lambda: has("n2", words, of=_BURNT), within_s=60, why="its lines on another node")
    told = host.on(
        "n2", "karamail doctor --json --only record --only logs --only backups --only database || true"
    )
    assert [row for row in json.loads(told)["findings"] if row["status"] == "broken"] == []


def _opens_by_the_newcomer_alone(node: str, *, other: str) -> None:
    """The disks of the others are not left with the keys of a machine that is no more."""
    host.on(other, "systemctl stop tangd.socket")
    try:
        assert opens(node)
    finally:
        host.on(other, "systemctl start tangd.socket")
