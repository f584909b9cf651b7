"""A machine was stolen: all secrets are exchanged as the runbook says, while people try to come in.

make lab-test LONG=1 ARGS=tests/lab/test_exchange.py
"""

import json
import time

import pytest

from tests.lab import deployment, host, people, places, strikes, ward
from tests.lab.probes import Probe, log_in
from tests.lab.test_record import all_cosign
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
_STANDS_STILL_S = 180.0
"""As the runbook promises, on a lab's two cores for three nodes and all who try."""


def digests(node: str) -> dict[str, str]:
    """Of all secrets on a node."""
    told = host.on(node, "cd /etc/karamail/secrets; find . -type f -exec sha256sum {} +")
    return {name: digest for digest, name in (line.split() for line in told.splitlines())}


def test_all_secrets_are_new_and_nobody_is_lost(school: Founded) -> None:
    until(strikes.whole, within_s=60, why="all three nodes")
    ward.register(school)
    guardians, before = ward.listed("n1", school), digests("n1")
    assert ward.FAMILY in guardians
    with Probe(log_in) as login:
        until(lambda: login.works_since(0), within_s=30, why="all is well before")
        began_s = time.monotonic()
        said = json.dumps({"exchange_confirmed": places.WARD_DOMAIN})
        deployment.play(["--extra-vars", said], book="exchange.yml")
        until(lambda: login.works_since(time.monotonic() - 5), within_s=60, why="a login")
        still_s = login.longest_pause_s(began_s)
    print(f"stood still for {still_s:.0f} s")
    assert still_s <= _STANDS_STILL_S
    after = digests("n1")
    assert set(after) == {*before, "./audit/former.keys"}
    assert {name for name in before if after[name] == before[name]} == {"./mail/dkim.json"}
    for node in ("n2", "n3"):
        same = {name: digest for name, digest in digests(node).items() if "witness.key" not in name}
        assert same.items() <= after.items()
        assert ward.listed(node, school) == guardians


def test_the_record_goes_on_under_new_keys_and_all_of_it_is_whole() -> None:
    all_cosign()
    for node in places.NODES:
        assert "until" in host.on(node.name, "karamail audit keys")
        assert json.loads(host.on(node.name, "karamail audit verify --json"))["whole"]


def test_and_a_new_guardian_comes_in(school: Founded) -> None:
    phone = people.phone("hanako")
    before = len(people.inbox(phone))
    for node in places.NODES:
        until(lambda node=node: taken(phone, school, node), within_s=60, why=f"250 of {node.name}")
    until(lambda: len(people.inbox(phone)) > before, within_s=60, why="the reply")


def taken(phone: people.Phone, school: Founded, node: places.Node) -> bool:
    return people.send_empty_mail(phone, school.code, node)[0] == 250
