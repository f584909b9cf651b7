"""Racks of other sizes by the same playbook: two nodes and a witness; one node alone, which grows to three.

Each begins with empty machines, as on the first day. The lab is as it was before, but for who is registered.

make lab-test LONG=1 ARGS=tests/lab/test_sizes.py
"""

import json
import shutil
import time

import httpx
import pytest

from tests.lab import deployment, equipment, host, nodes, people, places, strikes, ward, wires
from tests.lab.host import LabRefused
from tests.lab.places import Node
from tests.lab.probes import Probe, log_in
from tests.lab.ward import FAMILY, Founded
from tests.support.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
_N1, _N2, _N3 = places.NODES
_LOST_S = 30.0
_BY_HAND = ["--extra-vars", json.dumps({"encryption_volumes": []})]
"""Somebody types the passphrase at each start."""


def _first_day() -> None:
    """Empty machines; nobody has made a secret yet, nobody is registered."""
    for made in (places.SECRETS, places.LAB / "inventory"):
        shutil.rmtree(made, ignore_errors=True)
    places.SCHOOL_PC.unlink(missing_ok=True)
    for node in places.NODES:
        nodes.power_off(node)
        nodes.forget(node)
        nodes.prepare(node)
        nodes.power_on(node)
    deployment.publish_addresses()
    for node in places.NODES:
        nodes.wait(node)


def _opened() -> Founded:
    """Names are published, a school begins."""
    deployment.publish_names()
    founded = ward.found()
    equipment.enrol(founded)
    return founded


def _answers(node: Node, school: Founded, slug: str) -> None:
    """Its mail server takes an empty mail, and the reply arrives."""
    phone = people.phone(slug)
    before = len(people.inbox(phone))
    code, words = people.send_empty_mail(phone, school.code, node)
    assert code == 250, words
    until(lambda: len(people.inbox(phone)) > before, within_s=30, why="the reply")


def _nothing_is_broken(node: Node) -> None:
    """Backups and their proof come by the clock, at night; here they come now."""
    host.on(node.name, "systemctl start karamail-restore-test karamail-backup-keys || true", timeout_s=300)
    told = host.on(node.name, "karamail doctor --json || true", timeout_s=120)
    found = json.loads(told)["findings"]
    broken = [row for row in found if row["status"] == "broken" and row["area"] != "dns"]  # remembered
    assert broken == []
    assert host.on(node.name, "systemctl list-units --failed --no-legend --plain") == ""


def _logs_in() -> bool:
    try:
        return bool(log_in())
    except (httpx.HTTPError, OSError):
        return False


def _both_in_order() -> bool:
    try:
        found = strikes.members()
    except LabRefused:
        return False
    working = [each["Role"] for each in found if each["State"] in ("running", "streaming")]
    return sorted(working) == ["Leader", "Sync Standby"]


@pytest.fixture(scope="module")
def school() -> Founded:
    _first_day()
    deployment.play([], inventory=deployment.smaller([_N1, _N2], witness=_N3))
    return _opened()


class TestTwoNodesAndAWitness:
    def test_serve(self, school: Founded) -> None:
        assert log_in()
        _answers(_N1, school, "hanako")
        _answers(_N2, school, "sunita")
        for node in (_N1, _N2):
            _nothing_is_broken(node)

    def test_the_witness_votes_and_holds_nothing_of_a_family(self, school: Founded) -> None:
        listed = host.on(
            _N3.name, "ls /etc/karamail /opt 2>/dev/null; getent passwd | grep -c ^karamail- || true"
        )
        assert "secrets" not in listed
        assert listed.split()[-1] == "0"
        assert host.on(_N3.name, "systemctl list-units --failed --no-legend --plain") == ""
        with pytest.raises(LabRefused):
            host.on(_N3.name, "ls /var/lib/postgresql/karamail")

    @pytest.mark.parametrize("role", ["Leader", "Sync Standby"])
    def test_one_of_the_nodes_is_lost(self, school: Founded, role: str) -> None:
        lost = places.BY_NAME[next(each["Member"] for each in strikes.members() if each["Role"] == role)]
        other = _N1 if lost == _N2 else _N2
        wires.cut(lost)
        nodes.power_off(lost)
        began = time.monotonic()
        try:
            until(_logs_in, within_s=90, why="a login without it")
            assert time.monotonic() - began < _LOST_S
            _answers(other, school, "emma" if role == "Leader" else "kaori")
        finally:
            wires.mend(lost)
            nodes.power_on(lost)
            nodes.wait(lost)
        until(_both_in_order, within_s=120, why="both again, without a hand")

    def test_without_the_witness_all_goes_on(self, school: Founded) -> None:
        nodes.power_off(_N3)
        try:
            assert log_in()
            _answers(_N1, school, "taro")
        finally:
            nodes.power_on(_N3)
            nodes.wait(_N3)


@pytest.fixture(scope="module")
def alone() -> Founded:
    _first_day()
    rack = deployment.smaller([_N1])
    with pytest.raises(LabRefused):  # its disk has no neighbour, and the playbook says so at once
        deployment.play([], inventory=rack)
    deployment.play(_BY_HAND, inventory=rack)
    school = _opened()
    ward.register(school)
    return school


class TestOneNode:
    def test_serves_alone(self, alone: Founded) -> None:
        assert log_in()
        _answers(_N1, alone, "hanako")
        assert ward.listed("n1", alone) == [FAMILY]
        _nothing_is_broken(_N1)

    def test_grows_to_three(self, alone: Founded) -> None:
        """The same ward, the same families: two more nodes in the inventory, and the playbook again."""
        with Probe(log_in) as login:
            deployment.play([])
        worked = sum(each.worked for each in login.attempts)
        print(f"logins while it grew: {worked} of {len(login.attempts)}")
        assert worked > 0.9 * len(login.attempts)
        deployment.publish_names()
        until(strikes.whole, within_s=120, why="three members")
        assert log_in()
        for node, slug in ((_N1, "sunita"), (_N2, "emma"), (_N3, "kaori")):
            assert FAMILY in ward.listed(node.name, alone)
            _answers(node, alone, slug)
            assert json.loads(host.on(node.name, "karamail audit verify --json"))["whole"]
            _nothing_is_broken(node)
