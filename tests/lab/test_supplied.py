"""A ward that buys its certificate: the files are laid beside the inventory, and no authority is asked.

make lab-test LONG=1 ARGS=tests/lab/test_supplied.py
"""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab import deployment, host, places, strikes
from tests.lab.authority import PUBLIC, supply
from tests.lab.host import LabRefused
from tests.lab.probes import Probe, log_in
from tests.lab.shown import shown, works
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LONG"), reason="runs site.yml twice: LONG=1"),
    pytest.mark.timeout(2400),
]
_BOUGHT = [
    "--extra-vars",
    f"public_certificates_acme= public_certificates_chain={PUBLIC / 'sites.crt'}"
    f" public_certificates_key={PUBLIC / 'sites.key'}",
]
_BAR_S = 10.0
"""A login takes one or two seconds in the lab, some more beside a playbook."""
_NAMES = (*places.SITES.values(), *places.POLICY_HOSTS, *(node.mx for node in places.NODES))


@pytest.fixture(scope="module")
def bought(school: Founded) -> Iterator[None]:
    """The rack as it is without an authority that issues; afterwards with it, as before."""
    until(strikes.whole, within_s=60, why="three members in order")
    supply("sites", *_NAMES)
    deployment.play(_BOUGHT)
    yield
    deployment.play([])
    after = {shown(node).site for node in places.NODES}
    assert len(after) == len(places.NODES)


def serials() -> set[int]:
    """What all nodes show, to browsers and to mail servers."""
    return {serial for node in places.NODES for serial in (shown(node).site, shown(node).mail)}


def test_what_was_bought_is_shown_by_all(bought: None) -> None:
    until(lambda: len(serials()) == 1, within_s=60, why="the mail servers show it, too")


@pytest.mark.parametrize("node", [node.name for node in places.NODES])
def test_nobody_asks_an_authority_any_more(bought: None, node: str) -> None:
    with pytest.raises(LabRefused):
        host.on(
            node, f"runuser -u karamail-acme -- curl --insecure --max-time 3 https://{places.AUTHORITY}/dir"
        )
    assert "karamail-certificate" not in host.on(node, "systemctl list-timers --all")


def test_next_years_is_shown_by_all_while_they_serve(bought: None) -> None:
    before = serials()
    supply("sites", *_NAMES)
    running = [works(node.name) for node in places.NODES]
    began_s = time.monotonic()
    with Probe(log_in) as login:
        deployment.play(_BOUGHT, book="certificate.yml")
    assert login.longest_pause_s(began_s) < _BAR_S
    until(lambda: len(serials()) == 1, within_s=60, why="the mail servers show it, too")
    assert serials() != before
    assert [works(node.name) for node in places.NODES] == running


def lack_a_name() -> None:
    supply("sites", *_NAMES[1:])


def lay_another_key() -> None:
    (PUBLIC / "sites.key").write_bytes((PUBLIC / "vendor.key").read_bytes())


@pytest.mark.parametrize("spoil", [lack_a_name, lay_another_key], ids=["a name is missing", "another key"])
def test_what_is_no_good_changes_nothing(bought: None, spoil: Callable[[], None]) -> None:
    before = serials()
    kept = {name: (PUBLIC / name).read_bytes() for name in ("sites.crt", "sites.key")}
    spoil()
    try:
        with pytest.raises(LabRefused):
            deployment.play(_BOUGHT, book="certificate.yml")
    finally:
        for name, content in kept.items():
            (PUBLIC / name).write_bytes(content)
    assert serials() == before
