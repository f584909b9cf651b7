"""A new bundle brings a newer package of Debian's: each node installs it by itself, on a day of its own.

The newer package is one of Debian's with another version: what is in it does not matter.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible import bundle
from tests.lab import host, places, strikes
from tests.lab.host import LabRefused
from tests.lab.probes import log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

NODES = [node.name for node in places.NODES]
PACKAGE = "netbase"
_REPOSITORY = places.BUNDLE / "apt"
_INDEX = ("Packages", "Packages.gz", "Release")


def installed(node: str) -> str:
    return host.on(node, f"dpkg-query -W -f '${{Version}}' {PACKAGE}").strip()


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[str]:
    """Lies in the bundle until the end of the test; then every node has again what it had."""
    before = {name: (_REPOSITORY / name).read_bytes() for name in _INDEX}
    (package,) = _REPOSITORY.glob(f"{PACKAGE}_*.deb")
    host.run("dpkg-deb", "--raw-extract", package, tmp_path / "tree")
    control = tmp_path / "tree" / "DEBIAN" / "control"
    old = re.search(r"^Version: (.+)$", control.read_text(), re.MULTILINE)
    assert old is not None
    control.write_text(control.read_text().replace(old[0], f"{old[0]}+lab1"))
    made = _REPOSITORY / f"{PACKAGE}_{old[1]}+lab1_all.deb"
    host.run("dpkg-deb", "--build", "--root-owner-group", tmp_path / "tree", made)
    bundle.index(_REPOSITORY)
    yield f"{old[1]}+lab1"
    made.unlink()
    for name, content in before.items():
        (_REPOSITORY / name).write_bytes(content)
    for node in NODES:
        host.on(node, f"apt-get -q update && apt-get -q -y --allow-downgrades install {PACKAGE}={old[1]}")
        host.on(node, "/usr/local/libexec/karamail-integrity accept", timeout_s=300)


def test_each_node_has_a_day_of_its_own_and_takes_from_the_bundle_alone() -> None:
    when = "systemctl cat apt-daily-upgrade.timer | sed -n 's/^OnCalendar=//p' | tail -1"
    assert len({host.on(node, when).split()[0] for node in NODES}) == len(NODES)
    told = host.on("n1", "unattended-upgrade --dry-run --debug 2>&1", timeout_s=120)
    assert "Allowed origins are: origin=Karamail bundle" in told
    assert "No packages found that can be upgraded unattended" in told


def test_an_update_waits_until_the_others_are_in_order() -> None:
    host.on("n1", "/usr/local/libexec/karamail-others-work")
    host.on("n2", "systemctl stop patroni", timeout_s=130)
    try:
        with pytest.raises(LabRefused, match="another node is not in order"):
            host.on("n1", "/usr/local/libexec/karamail-others-work")
    finally:
        host.on("n2", "systemctl start patroni")
    until(strikes.whole, within_s=60, why="three members in order")


@pytest.mark.timeout(900)
def test_what_a_bundle_brings_is_installed_on_one_node_and_is_no_alarm(newer: str, school: Founded) -> None:
    for unit in ("apt-daily", "apt-daily-upgrade"):
        host.on("n3", f"systemctl start {unit}", timeout_s=400)
    assert installed("n3") == newer
    assert {installed("n1"), installed("n2")} == {newer.removesuffix("+lab1")}
    host.on("n3", "systemctl start karamail-integrity", timeout_s=300)
    assert f"{PACKAGE}" in host.on("n3", "journalctl -b -t unattended-upgrade -o cat --since -10min")
    assert strikes.whole()
    assert log_in()
