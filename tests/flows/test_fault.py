"""What is wrong with a node is told once, by whichever worker, and once more when it is over."""

import email
import email.policy
from dataclasses import replace
from datetime import timedelta

import time_machine

from appliance import address as addresses
from appliance import clock, delivery, fault
from appliance.config import Config, Zone
from appliance.fault import Seen
from appliance.models import Delivery, Fault
from smtp.render import Renderer
from tests.flows.ward import Ward

OFFICE = "tantou@vendor.example"
DISK = Seen(
    "DiskNearlyFull", "n2", "/", "warning", "8 % of / are free", "see what grows: du -xh / | sort -h | tail"
)
LEADER = Seen("Doctor", "n1", "replication", "broken", "no node leads", "patronictl list")


def mailing(ward: Ward) -> Config:
    faults = ward.config.faults.model_copy(update={"mail_to": OFFICE})
    return ward.config.model_copy(update={"faults": faults})


def tell(ward: Ward) -> int:
    return fault.tell(mailing(ward), ward.keyring(Zone.MAIL), clock.now())


def letters(ward: Ward) -> list[tuple[str, str]]:
    """Subject and text of those that wait, as the operator reads them."""
    config = mailing(ward)
    found = []
    for site, _ in delivery.sites_waiting(clock.now()):
        for claimed in delivery.claim("w1", site, limit=10, lease_s=60, now=clock.now()):
            renderer = Renderer(config, ward.keyring(Zone.MAIL))
            renderer.prepare([claimed])
            content = renderer.message(claimed, addresses.parse(OFFICE)).content
            mail = email.message_from_bytes(content, policy=email.policy.default)
            found.append((mail["Subject"], mail.get_content().replace("\r\n", "\n")))
    return found


def test_three_watches_see_a_fault_and_the_operator_reads_of_it_once(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    for _node in range(3):
        fault.notice([DISK, LEADER], clock.now())
    assert Fault.select().count() == 2
    assert (tell(ward), tell(ward)) == (2, 0)
    ((subject, text),) = letters(ward)
    assert subject.startswith(
        "【みどり区】システムの障害の知らせ(n1 replication) / Fault in the system (n1 rep"
    )
    assert "続いている障害 2件、おさまった障害 0件" in text
    assert text.index("BROKEN   n1 replication") < text.index("WARNING  n2 /"), "the worst first"
    assert "  no node leads\n  To do: patronictl list" in text


def test_what_lasts_is_told_again_the_next_day_and_what_is_over_once(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    fault.notice([DISK, LEADER], clock.now())
    tell(ward)
    letters(ward)
    for _minute in range(10):
        morning.shift(60)
        fault.notice([DISK], clock.now())
    assert tell(ward) == 1, "nobody sees the other one any more"
    ((subject, text),) = letters(ward)
    assert "(OK)" in subject
    assert "OVER     n1 replication" in text
    assert "To do" not in text
    assert tell(ward) == 0
    morning.shift(timedelta(hours=24))
    fault.notice([DISK], clock.now())
    assert tell(ward) == 1
    assert "WARNING  n2 /" in letters(ward)[0][1]


def test_what_grows_worse_is_told_again_and_what_grows_better_is_not(ward: Ward) -> None:
    full = replace(DISK, severity="broken", what="3 % of / are free")
    fault.notice([DISK], clock.now())
    assert tell(ward) == 1
    for seen in ([full, DISK], [DISK, full]):  # both rules fire
        fault.notice(seen, clock.now())
        assert Fault.get().severity == "broken"
    assert (tell(ward), tell(ward)) == (1, 0)
    fault.notice([DISK], clock.now())
    assert tell(ward) == 0


def test_what_comes_back_begins_anew(ward: Ward, morning: time_machine.Traveller) -> None:
    fault.notice([DISK], clock.now())
    tell(ward)
    morning.shift(3600)
    fault.notice([], clock.now())
    fault.notice([DISK], clock.now())
    row = Fault.get()
    assert (row.began_at, row.ended_at, row.told_at) == (clock.now(), None, None)
    assert tell(ward) == 1


def test_without_an_address_nothing_is_mailed(ward: Ward) -> None:
    fault.notice([DISK], clock.now())
    assert fault.tell(ward.config, ward.keyring(Zone.MAIL), clock.now()) == 0
    assert Delivery.select().count() == 0
