"""配信テスト: once a month a school asks everybody to say that its mail arrives; on both databases."""

import email
import email.policy
import re
from datetime import timedelta

import pytest
import time_machine

from appliance import address, broadcast, clock, confirmation, delivery, evidence
from appliance.actor import Role
from appliance.broadcast import delivery_test
from appliance.config import Config, Zone
from appliance.delivery import Kind, Outcome
from appliance.errors import NotAllowed, TextInvalid, WrongState
from appliance.evidence import Grade
from appliance.models import (
    Account,
    AccountSchool,
    Address,
    Audit,
    Broadcast,
    Confirmation,
    Delivery,
    School,
)
from appliance.states import BroadcastState
from smtp.render import Renderer
from tests.flows.ward import Ward, found, result, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250)
HOUR = timedelta(hours=1)


@pytest.fixture
def ward(database: Config, morning: time_machine.Traveller) -> Ward:
    """Six o'clock on the 8th of April; the ward tests on the 10th at three in the afternoon."""
    ward = found(database)
    AccountSchool.create(account=ward.account_id, school=ward.school.id)
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎", ward.classes[0])
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    Delivery.delete().execute()
    return ward


def due(ward: Ward) -> int:
    return delivery_test.start_due(ward.config, clock.now())


def sent_by_a_person(ward: Ward) -> Broadcast:
    written = delivery_test.begin(ward.actor(), ward.school, once_key="page", now=clock.now())
    broadcast.send(ward.config, ward.actor(), written, shown_addresses=2, now=clock.now())
    return written


def test_a_school_that_has_not_asked_for_tests_gets_none(ward: Ward, morning: time_machine.Traveller) -> None:
    morning.shift(timedelta(days=2, hours=9))
    assert due(ward) == 0


def test_on_the_wards_day_and_hour_the_test_starts_by_itself_and_once(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    delivery_test.switch(ward.actor(), ward.school, on=True)
    assert due(ward) == 0
    morning.shift(timedelta(days=2, hours=8, minutes=59))
    assert due(ward) == 0
    morning.shift(timedelta(minutes=1))
    assert [due(ward) for _ in range(3)] == [1, 0, 0]
    sent = Broadcast.get()
    assert (sent.state, sent.urgent, sent.category, sent.author_id) == (
        BroadcastState.SENDING, False, "test", ward.account_id,
    )  # fmt: skip
    assert {row.lane for row in Delivery.select()} == {2}
    record = Audit.select().where(Audit.act == "broadcast.sent").get()
    assert (record.account_id, record.zone) == (ward.account_id, "mail")
    morning.shift(timedelta(days=30))
    assert due(ward) == 1


def test_a_test_that_an_outage_missed_starts_within_a_week_but_never_at_night(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    delivery_test.switch(ward.actor(), ward.school, on=True)
    morning.shift(timedelta(days=3, hours=15))  # the 11th, nine in the evening
    assert due(ward) == 0
    morning.shift(timedelta(days=8))
    assert due(ward) == 0
    morning.shift(timedelta(hours=-10) - timedelta(days=3))  # the 16th, at eleven
    assert due(ward) == 0
    morning.shift(timedelta(hours=4))
    assert due(ward) == 1


@pytest.mark.parametrize("left", ["suspended", "moved"])
def test_it_stops_when_whoever_switched_it_on_may_no_longer_send_for_the_school(
    ward: Ward, morning: time_machine.Traveller, left: str
) -> None:
    delivery_test.switch(ward.actor(), ward.school, on=True)
    if left == "suspended":
        Account.update(state="suspended").execute()
    else:
        AccountSchool.delete().execute()
    morning.shift(timedelta(days=2, hours=9))
    assert due(ward) == 0


def test_switching_is_for_those_who_may_send_and_is_recorded(ward: Ward) -> None:
    with pytest.raises(NotAllowed):
        delivery_test.switch(ward.actor(Role.WARD_OFFICER), ward.school, on=True)
    School.update(approval_required=True).execute()
    with pytest.raises(NotAllowed):
        delivery_test.switch(ward.actor(Role.STAFF), School.get_by_id(ward.school.id), on=True)
    for on in (True, True, False):
        delivery_test.switch(ward.actor(), ward.school, on=on)
    acts = [row.detail for row in Audit.select().where(Audit.act == "school.tests_switched")]
    assert acts == ['{"on": true}', '{"on": false}']


def test_nobody_makes_it_urgent_or_writes_another_text(ward: Ward) -> None:
    written = delivery_test.begin(ward.actor(), ward.school, once_key="page", now=clock.now())
    for change in ({"urgent": True}, {"body": "至急、学校へ。"}, {"category": "other"}):
        with pytest.raises(WrongState):
            broadcast.revise(ward.actor(), written, **change)
    with pytest.raises(TextInvalid):
        broadcast.draft(
            ward.actor(), ward.school, urgent=True, category="test", once_key="x", now=clock.now()
        )
    with pytest.raises(TextInvalid):  # nor is an ordinary mail made a test
        broadcast.revise(ward.actor(), ward.draft(), category="test")


def test_it_waits_for_the_principal_where_the_principal_decides(ward: Ward) -> None:
    School.update(approval_required=True).execute()
    school = School.get_by_id(ward.school.id)
    staff = ward.actor(Role.STAFF)
    written = delivery_test.begin(staff, school, once_key="page", now=clock.now())
    broadcast.submit(staff, written, clock.now())
    with pytest.raises(NotAllowed):
        broadcast.send(ward.config, staff, written, shown_addresses=2, now=clock.now())


def test_the_mail_says_that_it_is_a_test_and_each_reader_has_a_link_of_his_own(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    sent = sent_by_a_person(ward)
    morning.shift(HOUR)
    renderer = Renderer(ward.config, ward.keyring(Zone.MAIL))
    claims = [*take("w1", "docomo"), *take("w1", "au")]
    renderer.prepare(claims)
    links = []
    for claimed in claims:
        message = renderer.message(claimed, address.parse("a@example.com"))
        mail = email.message_from_bytes(message.content, policy=email.policy.default)
        text = mail.get_content()
        assert mail["Subject"].startswith("【配信テスト】【みどり小学校】")
        assert "緊急" not in mail["Subject"]
        assert "List-Unsubscribe" in mail
        links += re.findall(r"/k/([a-z2-7]{32})\r?\n", text)
    assert len(set(links)) == 2
    key = ward.keyring(Zone.GUARDIAN).secret("unsubscribe.key")
    confirmation.confirm(key, links[0], clock.now())
    confirmation.confirm(key, links[0], clock.now())
    assert [(row.delivery_id, row.how) for row in Confirmation.select()] == [(claims[0].id, "link")]
    assert sent.category == "test"


def test_its_confirmations_are_evidence_and_before_and_after_can_be_compared(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    morning.shift(timedelta(days=40))
    sent = sent_by_a_person(ward)
    began = Broadcast.get_by_id(sent.id).started_at
    morning.shift(HOUR)
    for site in ("docomo", "au"):
        delivery.settle([result(row, ACCEPTED) for row in take("w1", site)])
    answered = Delivery.get(Delivery.site == "au")
    Confirmation.create(delivery=answered, at=clock.now(), how="link")
    assert evidence.counts(ward.school.id, began).school == {Grade.B: 2}
    assert evidence.counts(ward.school.id, clock.now()).school == {Grade.A: 1, Grade.B: 1}


def test_who_wants_no_routine_mail_gets_no_test(ward: Ward) -> None:
    Address.update(routine_off_at=clock.now()).where(Address.site == "au").execute()
    written = delivery_test.begin(ward.actor(), ward.school, once_key="page", now=clock.now())
    assert broadcast.send(ward.config, ward.actor(), written, shown_addresses=1, now=clock.now()) == 1


def test_an_urgent_mail_overtakes_it(ward: Ward, morning: time_machine.Traveller) -> None:
    sent_by_a_person(ward)
    urgent = ward.draft()
    ward.send(urgent)
    morning.shift(HOUR)
    assert [row.broadcast_id for row in take("w1", "docomo", limit=1)] == [urgent.id]
