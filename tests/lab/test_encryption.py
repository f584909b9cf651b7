"""A disk opens by itself next to another member, and nowhere else.

The kernel of a lab's machine maps no encrypted device; what is tried is whether the passphrase of the volume
can be had, and whether it opens its header.
"""

import pytest

from tests.lab import host, places
from tests.lab.host import LabRefused
from tests.lab.nodes import PASSPHRASE, VOLUME

NODES = [node.name for node in places.NODES]
_OPENS = (
    f"set -o pipefail; clevis luks pass -d {VOLUME} -s 1 | "
    f"cryptsetup open --test-passphrase --key-file - {VOLUME}"
)


def opens(node: str) -> bool:
    try:
        host.on(node, f"timeout 20 bash -c '{_OPENS}'")
    except LabRefused:
        return False
    return True


@pytest.mark.parametrize("node", NODES)
def test_a_disk_opens_by_itself_in_its_rack(node: str) -> None:
    assert opens(node)


def test_one_other_member_is_enough() -> None:
    host.on("n2", "systemctl stop tangd.socket")
    try:
        assert opens("n1")
    finally:
        host.on("n2", "systemctl start tangd.socket")


def test_a_disk_that_is_carried_out_of_the_rack_opens_nowhere() -> None:
    """Where it is now, nobody answers: not even the member that it was in."""
    host.on("n1", "nft insert rule inet karamail to_members tcp dport 7500 drop")
    try:
        assert not opens("n1")
    finally:
        host.on("n1", "systemctl restart nftables")
    assert opens("n1")


@pytest.mark.parametrize("node", NODES)
def test_what_was_typed_into_the_installer_is_on_no_node(node: str) -> None:
    """In no file, and in no member's lines but those of who looks for it: sudo writes down whole commands."""
    folders = "/etc /root /home /tmp /var/tmp /var/log/karamail"
    found = host.on(node, f"grep -rhsF {PASSPHRASE} {folders} | grep -v COMMAND=.*grep || true")
    assert found == ""


def test_what_opens_disks_is_not_to_be_had_from_the_internet_or_by_a_zone() -> None:
    url = f"http://{places.BY_NAME['n2'].rack}:7500/adv"
    ask = f"curl --silent --max-time 3 --output /dev/null {url}"
    host.on("n1", ask)
    with pytest.raises(LabRefused):
        host.on("n1", f"runuser -u karamail-admin -- {ask}")
