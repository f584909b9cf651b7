"""「どのアドレスが危ないか」: a school asks what is known of its addresses; on both databases."""

import json
from datetime import timedelta

import pytest
import time_machine

from appliance import clock, delivery, evidence
from appliance.actor import Role
from appliance.config import Config, Zone
from appliance.delivery import Kind, Outcome, Reason
from appliance.errors import NotAllowed, NotYours
from appliance.evidence import Grade
from appliance.models import Address, Audit, Confirmation, Delivery
from tests.flows.ward import Ward, found, result, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250)
GONE = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_OR_FILTERED)
TOO_LARGE = Outcome(Kind.FAILED, 552, "5.3.4", Reason.TOO_LARGE)


@pytest.fixture
def ward(database: Config, morning: time_machine.Traveller) -> Ward:
    ward = found(database)
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎", ward.classes[0])
    ward.register("taro@docomo.ne.jp", "山田 次郎", "山田 太郎", ward.classes[1])
    Delivery.delete().execute()  # their letters are not the subject here
    return ward


def mail(ward: Ward, outcome: Outcome | None) -> int:
    """A mail to the only family, and what came of it; the delivery's id."""
    written = ward.draft()
    ward.send(written)
    if outcome is not None:
        delivery.settle([result(row, outcome) for row in take("w1", "docomo")])
    return Delivery.get(Delivery.broadcast == written.id).id


def grade() -> Grade:
    return evidence.of_address(Address.get().id, clock.now())


def test_who_registered_has_shown_that_mail_arrives(ward: Ward, morning: time_machine.Traveller) -> None:
    assert grade() is Grade.A
    morning.shift(timedelta(days=31))
    assert grade() is Grade.B
    morning.shift(timedelta(days=90))
    assert grade() is Grade.E
    mail(ward, ACCEPTED)
    assert grade() is Grade.C


def test_an_answer_renews_the_grade(ward: Ward, morning: time_machine.Traveller) -> None:
    morning.shift(timedelta(days=200))
    answered = mail(ward, ACCEPTED)
    Confirmation.create(delivery=answered, at=clock.now(), how="reply")
    assert grade() is Grade.A


def test_a_refusal_makes_older_answers_old_also_when_the_address_accepts_again(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    morning.shift(timedelta(days=1))
    mail(ward, GONE)
    assert grade() is Grade.D
    morning.shift(timedelta(days=1))
    mail(ward, ACCEPTED)
    assert grade() is Grade.C  # perhaps somebody else's by now


def test_a_mail_that_was_too_large_or_ran_out_of_time_says_nothing_about_the_address(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    morning.shift(timedelta(days=1))
    mail(ward, TOO_LARGE)
    mail(ward, None)
    morning.shift(timedelta(days=3))
    delivery.expire(clock.now())
    assert grade() is Grade.A


def test_the_school_counts_an_address_once_and_each_of_its_classes_counts_it(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    morning.shift(timedelta(days=1))
    mail(ward, GONE)
    counted = evidence.counts(ward.school.id, clock.now())
    assert counted.school == {Grade.A: 1, Grade.D: 1}
    assert counted.by_class == {
        ward.classes[0].id: {Grade.D: 1},
        ward.classes[1].id: {Grade.A: 1, Grade.D: 1},
    }
    assert evidence.counts(ward.other.id, clock.now()).school == {}


def test_the_list_names_who_must_be_asked_and_why_and_is_recorded_without_a_name(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    morning.shift(timedelta(days=1))
    mail(ward, GONE)
    rows = evidence.weak(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, clock.now())
    assert [(row.registrant.child_name, row.grade, row.reason) for row in rows] == [
        ("山田 花子", Grade.D, Reason.UNKNOWN_OR_FILTERED),
        ("山田 次郎", Grade.D, Reason.UNKNOWN_OR_FILTERED),
    ]
    record = Audit.select().order_by(Audit.id.desc()).get()
    assert (record.act, record.object_id) == ("evidence.opened", ward.school.id)
    assert json.loads(record.detail) == {"opened": 2}


@pytest.mark.parametrize(
    ("role", "zone"), [(Role.WARD_OFFICER, Zone.ADMIN), (Role.PRINCIPAL, Zone.SENDER)], ids=["ward", "phone"]
)
def test_the_ward_office_and_a_phone_see_no_names(ward: Ward, role: Role, zone: Zone) -> None:
    with pytest.raises(NotAllowed):
        evidence.weak(ward.actor(role, zone=zone), ward.keyring(Zone.ADMIN), ward.school.id, clock.now())


def test_another_school_sees_nothing(ward: Ward) -> None:
    with pytest.raises(NotYours):
        evidence.weak(
            ward.actor(Role.PRINCIPAL, ward.other), ward.keyring(Zone.ADMIN), ward.school.id, clock.now()
        )
