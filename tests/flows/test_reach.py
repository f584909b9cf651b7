"""「全員に届いたか」: a principal asks after each broadcast, child by child; on both databases."""

import json

import pytest

from appliance import clock, delivery, reach
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.delivery import Kind, Outcome, Reason, Result
from appliance.errors import NotAllowed, NotYours
from appliance.models import Address, Audit, Broadcast, Confirmation, Delivery
from appliance.states import DeliveryState
from tests.flows.ward import Ward, found, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250)
GONE = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_OR_FILTERED)


@pytest.fixture
def ward(database: Config) -> Ward:
    ward = found(database)
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎", ward.classes[0])
    ward.register("yuki@gmail.com", "山田 花子", "山田 雪", ward.classes[0])
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    ward.register("suzuki@softbank.ne.jp", "鈴木 翼", "鈴木 勇", ward.classes[2])
    for site in ("docomo", "google", "au", "softbank"):
        _settle(site, ACCEPTED)  # the letters of their registrations
    return ward


@pytest.fixture
def principal(ward: Ward) -> Actor:
    return ward.actor(Role.PRINCIPAL)


def _settle(site: str, outcome: Outcome) -> None:
    now = clock.now()
    delivery.settle(
        [Result(row.id, row.token, row.lane, row.attempts, "w1", outcome, now) for row in take("w1", site)]
    )


def _sent(ward: Ward, **draft: object) -> Broadcast:
    written = ward.draft(**draft)
    ward.send(written)
    return written


def test_one_parent_is_enough(ward: Ward) -> None:
    written = _sent(ward)
    _settle("docomo", GONE)
    assert reach.count(written) == reach.Reach(confirmed=0, accepted=0, waiting=3, none=0)
    _settle("google", ACCEPTED)
    _settle("au", ACCEPTED)
    _settle("softbank", GONE)
    assert reach.count(written) == reach.Reach(confirmed=0, accepted=2, waiting=0, none=1)


def _answered(written: Broadcast, site: str) -> None:
    """A guardian has answered this mail."""
    answered = Delivery.get(Delivery.broadcast == written.id, Delivery.site == site)
    Confirmation.create(delivery=answered, at=clock.now(), how="reply")


def test_an_answer_is_more_than_an_acceptance_and_one_answer_speaks_for_the_child(ward: Ward) -> None:
    written = _sent(ward)
    for site in ("docomo", "google", "au", "softbank"):
        _settle(site, ACCEPTED)
    _answered(written, "google")
    count = reach.count(written)
    assert count == reach.Reach(confirmed=1, accepted=2, waiting=0, none=0)
    assert count.reached == count.children == 3


def test_who_answered_although_the_receiver_bounced_it_is_not_telephoned(
    ward: Ward, principal: Actor
) -> None:
    written = _sent(ward, classes=[ward.classes[1]])
    _settle("au", GONE)
    _answered(written, "au")
    assert reach.count(written).confirmed == 1
    assert reach.call_sheet(principal, ward.keyring(Zone.ADMIN), written) == []


def test_who_switches_routine_mail_off_afterwards_is_still_counted(ward: Ward) -> None:
    written = _sent(ward, urgent=False)
    Address.update(routine_off_at=clock.now()).where(Address.site == "au").execute()
    assert reach.count(written).children == 3


def test_the_call_sheet_names_those_whom_nobody_at_home_was_told_of(ward: Ward, principal: Actor) -> None:
    written = _sent(ward)
    _settle("docomo", GONE)
    _settle("google", ACCEPTED)
    _settle("softbank", GONE)
    sheet = reach.call_sheet(principal, ward.keyring(Zone.ADMIN), written)
    assert [(line.label, line.child_name) for line in sheet] == [("2組", "佐藤 健"), ("1組", "鈴木 翼")]
    waiting, gone = (line.contacts[0] for line in sheet)
    assert (waiting.guardian_name, waiting.state) == ("佐藤 恵", DeliveryState.QUEUED)
    assert (gone.guardian_name, gone.state, gone.reason) == (
        "鈴木 勇", DeliveryState.FAILED, Reason.UNKNOWN_OR_FILTERED,
    )  # fmt: skip


def test_classes_that_were_not_addressed_are_not_asked_about(ward: Ward, principal: Actor) -> None:
    written = _sent(ward, classes=[ward.classes[2]])
    assert reach.count(written).children == 1
    sheet = reach.call_sheet(principal, ward.keyring(Zone.ADMIN), written)
    assert [line.child_name for line in sheet] == ["鈴木 翼"]


def test_who_registered_after_the_sending_is_no_miss(ward: Ward) -> None:
    written = _sent(ward)
    ward.register("kato@icloud.com", "加藤 結", "加藤 修", ward.classes[0])
    assert reach.count(written).children == 3


def test_what_ran_out_of_time_is_on_the_sheet(ward: Ward, principal: Actor) -> None:
    written = _sent(ward, classes=[ward.classes[1]])
    Delivery.update(expires_at=clock.now()).where(Delivery.broadcast == written.id).execute()
    delivery.expire(clock.now())
    (line,) = reach.call_sheet(principal, ward.keyring(Zone.ADMIN), written)
    assert line.contacts[0].state is DeliveryState.EXPIRED


def test_the_sheet_is_recorded_without_a_name(ward: Ward, principal: Actor) -> None:
    written = _sent(ward)
    reach.call_sheet(principal, ward.keyring(Zone.ADMIN), written)
    record = Audit.select().order_by(Audit.id.desc()).get()
    assert (record.act, record.object_id) == ("call_sheet.opened", written.id)
    assert json.loads(record.detail) == {"children": 3, "opened": 4}


@pytest.mark.parametrize(
    ("role", "zone"), [(Role.WARD_OFFICER, Zone.ADMIN), (Role.PRINCIPAL, Zone.SENDER)], ids=["ward", "phone"]
)
def test_the_ward_office_and_a_phone_see_numbers_but_no_sheet(ward: Ward, role: Role, zone: Zone) -> None:
    written = _sent(ward)
    assert reach.count(written).children == 3
    with pytest.raises(NotAllowed):
        reach.call_sheet(ward.actor(role, zone=zone), ward.keyring(Zone.ADMIN), written)


def test_another_school_sees_nothing(ward: Ward) -> None:
    written = _sent(ward)
    with pytest.raises(NotYours):
        reach.call_sheet(ward.actor(Role.PRINCIPAL, ward.other), ward.keyring(Zone.ADMIN), written)
