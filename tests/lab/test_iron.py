"""What only a kernel of one's own can show: an encrypted start, settings of the kernel, AppArmor, audit.

A machine of iron takes the place of a node with all that the node holds, but its work; what of the playbook
depends on the kernel goes over it.

make lab-test LONG=1 ARGS=tests/lab/test_iron.py
"""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.lab import host, iron, places, strikes
from tests.lab.host import LabRefused
from tests.lab.judge import judged
from tests.lab.nodes import PASSPHRASE
from tests.lab.places import Node
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def machine(school: Founded) -> Iterator[Node]:
    node = places.BY_NAME["n3"]
    until(strikes.whole, within_s=60, why="three members in order")
    try:
        iron.take_place(node)
        assert iron.asks(), "nobody opens it by itself before the playbook"
        iron.type_passphrase()
        iron.wait(node)
        iron.play()
        yield node
    finally:
        iron.give_place_back(node)
        until(strikes.whole, within_s=120, why="three members again")


def told(machine: Node, command: str) -> str:
    return host.on(machine.name, command, timeout_s=300).strip()


def test_its_kernel_is_its_own(machine: Node) -> None:
    assert told(machine, "systemd-detect-virt --container || true") == "none"
    assert "deb13" in told(machine, "uname -r")


def test_nothing_that_starts_with_it_fails(machine: Node) -> None:
    assert told(machine, "systemctl --failed --plain --no-legend") == ""


@pytest.mark.parametrize("zone", ["guardian", "sender", "admin", "mail"])
def test_a_zone_runs_in_its_sandbox(machine: Node, zone: str) -> None:
    """Its kernel enforces what the unit says: a call that is not allowed would be its end."""
    unit = f"karamail-{zone}"
    try:
        assert told(machine, f"systemctl start {unit} && sleep 20 && systemctl is-active {unit}") == "active"
        ended = "journalctl --boot --no-pager --output cat --grep '^SECCOMP .*sig=31' || true"
        assert told(machine, ended) == ""
    finally:
        told(machine, f"systemctl stop {unit}")


def test_what_the_kernel_tells_and_lets_happen_is_as_written(machine: Node) -> None:
    written = told(machine, "grep -hE '^[a-z]' /etc/sysctl.d/60-karamail-*.conf").splitlines()
    wanted = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in written)}
    assert "kernel.kptr_restrict" in wanted
    live = told(machine, f"sysctl {' '.join(wanted)}").splitlines()
    assert {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in live)} == wanted


_DENIED_FOR_GOOD = 'profile="unbound".*capname="net_admin"'
"""Larger buffers than the kernel gives to everybody; it goes on without (docs/security/hardening.md)."""


def test_apparmor_confines_and_nothing_of_ours_misses_what_it_denies(machine: Node) -> None:
    profiles = json.loads(told(machine, "aa-status --json"))["processes"]
    confined = {path.rpartition("/")[2] for path, each in profiles.items() if each[0]["status"] == "enforce"}
    assert {"chronyd", "unbound"} <= confined
    denied = "journalctl --boot --no-pager --output cat --grep 'apparmor=\"DENIED\"'"
    assert told(machine, f"{denied} | grep -v '{_DENIED_FOR_GOOD}' || true") == ""


def test_audit_writes_down_what_was_asked_until_the_next_boot(machine: Node) -> None:
    written = told(machine, "grep -cE '^-[wa] ' /etc/audit/rules.d/karamail.rules")
    assert told(machine, "auditctl -l | grep -c .") == written
    assert "enabled 2" in told(machine, "auditctl -s")
    with pytest.raises(LabRefused):
        told(machine, "auditctl -D")


def test_who_touches_accounts_stands_in_the_journal_of_every_member(machine: Node) -> None:
    name = f"probe-{uuid4().hex}"
    told(machine, f"touch /etc/sudoers.d/{name}; rm /etc/sudoers.d/{name}")
    for other in ("n1", "n2"):
        found = f"grep -rhsE '{name}' /var/log/karamail/{machine.name} | grep -v COMMAND= | grep -c . || true"
        until(lambda: int(host.on(other, found)) > 0, within_s=60, why=f"its line on {other}")  # noqa: B023


def test_a_module_that_no_node_needs_is_not_loaded(machine: Node) -> None:
    with pytest.raises(LabRefused):
        told(machine, "modprobe dccp")
    assert told(machine, "lsmod | grep -c dccp || true") == "0"


def test_the_judge_of_hardening_says_no_less_of_it(machine: Node) -> None:
    index, unexplained = judged(machine.name, within_s=2000)
    assert index >= 85
    assert unexplained == set()


def test_it_starts_by_itself_next_to_the_others(machine: Node) -> None:
    iron.power_off(machine)
    iron.power_on(machine)
    iron.wait(machine)
    assert told(machine, "findmnt --noheadings --output SOURCE /") == "/dev/mapper/root"
    assert "10.0.0.0/8" not in told(machine, "ip route"), "nothing is left of the start's network"


def test_carried_out_of_the_rack_it_stays_closed_and_back_there_it_opens(machine: Node) -> None:
    iron.power_off(machine)
    iron.power_on(machine)
    iron.cut("rack")
    assert iron.asks()
    with pytest.raises(LabRefused):
        iron.wait(machine, within_s=120)
    iron.mend("rack")
    iron.wait(machine)


def test_its_disk_tells_nothing_to_who_reads_it(machine: Node) -> None:
    """The accounts of every Debian, which are on it, are not to be found on it."""
    assert told(machine, "grep -c ^root:x:0:0: /etc/passwd") == "1"
    with iron.DISK.open("rb") as disk:
        while block := disk.read(2**24):
            assert b"root:x:0:0:" not in block
            assert PASSPHRASE.encode() not in block
