"""What an empty mail is answered with, how often, and what of it is forgotten."""

import os
from datetime import timedelta

import pytest
import time_machine

from appliance import clock, registration, security_code
from appliance.address import parse
from appliance.config import Zone
from appliance.delivery.letters import LetterKind
from appliance.directory import schools
from appliance.errors import (
    BudgetSpent,
    WrongState,
)
from appliance.models import Address, Attempt, Delivery, Inbound, Registration, School, SchoolClass
from appliance.registration import Request, request_many
from tests.flows.ward import Ward

DAY = 24 * 3600


def letters() -> list[str]:
    return [row.kind for row in Delivery.select(Delivery.kind).order_by(Delivery.id)]


# --- mails that come in


def test_the_same_mail_twice_is_one_request(ward: Ward) -> None:
    digest = os.urandom(32)
    assert ward.empty_mail("hanako@docomo.ne.jp", digest=digest).kind is LetterKind.REPLY
    assert ward.empty_mail("hanako@docomo.ne.jp", digest=digest).kind is None
    assert (Registration.select().count(), letters()) == (1, [LetterKind.REPLY])


def test_two_mails_are_two_links_and_both_work(ward: Ward) -> None:
    """An impatient parent sends again, then opens the first reply."""
    first, second = (ward.empty_mail("hanako@docomo.ne.jp").registration_id for _ in range(2))
    ward.confirm(ward.link(first), "山田 花子", "山田 太郎")
    assert ward.confirm(ward.link(second), "山田 花子", "山田 太郎").already is True


def test_last_years_code_and_a_strangers_code_bring_letters_without_a_link(ward: Ward) -> None:
    old = security_code.current(ward.school.id).code
    security_code.renew(ward.school)
    assert ward.empty_mail("hanako@docomo.ne.jp", code=old).kind is LetterKind.RETIRED_CODE
    assert ward.empty_mail("hanako@docomo.ne.jp", code=security_code.mint()).kind is LetterKind.UNKNOWN_CODE
    assert ward.empty_mail("hanako@docomo.ne.jp").kind is LetterKind.REPLY
    assert Registration.select().count() == 1


def test_a_closed_school_says_so_under_any_of_its_codes(ward: Ward) -> None:
    old = security_code.current(ward.school.id).code
    security_code.renew(ward.school)
    School.update(state="closed").where(School.id == ward.school.id).execute()
    for code in (old, security_code.current(ward.school.id).code):
        assert ward.empty_mail("hanako@docomo.ne.jp", code=code).kind is LetterKind.CLOSED_SCHOOL


def test_a_code_in_capitals_is_the_same_code(ward: Ward) -> None:
    code = security_code.current(ward.school.id).code.upper()
    assert ward.empty_mail("hanako@docomo.ne.jp", code=code).kind is LetterKind.REPLY


def test_one_address_gets_so_many_answers_an_hour_and_no_more(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    for _ in range(3):
        ward.empty_mail("hanako@docomo.ne.jp", budget=3)
    digest = os.urandom(32)
    with pytest.raises(BudgetSpent):
        ward.empty_mail("HANAKO@docomo.ne.jp", school=ward.other, digest=digest, budget=3)
    assert ward.empty_mail("taro@docomo.ne.jp", budget=3).kind is LetterKind.REPLY
    morning.shift(3601)
    assert (
        ward.empty_mail("hanako@docomo.ne.jp", school=ward.other, digest=digest, budget=3).kind
        is LetterKind.REPLY
    )


def test_the_budget_holds_within_one_group_of_mails(ward: Ward) -> None:
    code = security_code.current(ward.school.id).code
    requests = [Request(code, parse("hanako@docomo.ne.jp"), os.urandom(32)) for _ in range(5)]
    answers = request_many(ward.keyring(Zone.MAIL), requests, now=clock.now(), budget=3)
    assert [isinstance(answer, BudgetSpent) for answer in answers] == [False] * 3 + [True] * 2


# --- what is forgotten


def test_after_a_week_nothing_is_left_of_whom_never_confirmed(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    for number in range(5):
        ward.empty_mail(f"curious{number}@example.jp")
    ward.empty_mail("stranger@example.jp", code=security_code.mint())
    kept = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    morning.shift(DAY)
    assert registration.expire(clock.now()) == 5
    assert Address.select().count() == 7
    Delivery.update(state="accepted").execute()
    Attempt.create(
        delivery=Delivery.get(), at=clock.now(), worker="w", kind="deferred", code=451, enhanced="",
        reason="", uncertain=False,
    )  # fmt: skip
    morning.shift(6 * DAY + 1)
    assert registration.expire(clock.now()) == 0
    assert [row.id for row in Address.select()] == [kept.address_id]
    assert [row.id for row in Registration.select()] == [kept.id]
    assert {row.address_id for row in Delivery.select()} == {kept.address_id}
    assert Inbound.select().count() == 0
    assert registration.expire(clock.now()) == 0


def test_who_asked_again_this_week_is_not_forgotten(morning: time_machine.Traveller, ward: Ward) -> None:
    ward.empty_mail("hanako@docomo.ne.jp")
    morning.shift(8 * DAY)
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    Delivery.update(state="accepted").execute()
    registration.expire(clock.now())
    assert ward.confirm(link, "山田 花子", "山田 太郎").already is False


def test_digests_outlive_the_senders_retries(morning: time_machine.Traveller, ward: Ward) -> None:
    digest = os.urandom(32)
    ward.empty_mail("hanako@docomo.ne.jp", digest=digest)
    morning.shift(timedelta(days=5))
    registration.expire(clock.now())
    assert ward.empty_mail("hanako@docomo.ne.jp", digest=digest).kind is None


def test_a_class_with_children_cannot_end(ward: Ward) -> None:
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    with pytest.raises(WrongState):
        schools.retire_class(ward.actor(), SchoolClass.get_by_id(ward.classes[0].id))
