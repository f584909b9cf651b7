"""The vendor answers inquiries: an operator opens a school's registrants for a recorded reason (R12, R28)."""

import json

import pytest
import time_machine

from appliance import access, account, clock, evidence
from appliance.account import opening
from appliance.account.opening import Reason
from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.directory import registrants
from appliance.errors import NotAllowed, TextInvalid
from appliance.models import Audit, Opening
from tests.flows.ward import Ward


def test_an_operator_opens_registrants_only_for_a_recorded_reason_and_for_a_while(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    registered = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    person = account.add(
        ward.config, login_id="gyousha", role=Role.OPERATOR, display_name="受託", school_ids=[],
        password=None, now=clock.now(),
    )  # fmt: skip
    operator = Actor(person.id, Role.OPERATOR, frozenset(), Zone.ADMIN, session_id=7)
    colleague_at_the_same_desk = Actor(person.id, Role.OPERATOR, frozenset(), Zone.ADMIN, session_id=8)
    with pytest.raises(NotAllowed, match="reason_needed"):
        access.registration(operator, registered.id)
    opening.request(operator, ward.school.id, Reason.GUARDIAN, "2026-114", clock.now())
    assert access.registration(operator, registered.id).id == registered.id
    assert access.may_open_names(operator, ward.other.id) == "reason_needed"
    assert access.may_open_names(colleague_at_the_same_desk, ward.school.id) == "reason_needed"
    row = Audit.get(Audit.act == "registrants.requested")
    assert (row.account_id, row.school_id) == (person.id, ward.school.id)
    assert (row.reason, row.detail) == ("guardian", '{"reference": "2026-114"}')
    morning.shift(opening.LASTS)
    with pytest.raises(NotAllowed, match="reason_needed"):
        access.registration(operator, registered.id)


def test_what_an_operator_opens_and_corrects_is_recorded_with_the_reason_given(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    registered = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    operator = Actor(ward.account_id, Role.OPERATOR, frozenset(), Zone.ADMIN, session_id=7)
    keyring = ward.keyring(Zone.ADMIN)
    opening.request(operator, ward.school.id, Reason.SCHOOL, "", clock.now())
    morning.shift(60)
    opening.request(operator, ward.school.id, Reason.GUARDIAN, "2026-114", clock.now())
    registrants.page(operator, keyring, ward.school.id, None, 1)
    found = access.registration(operator, registered.id)
    names = {"child_name": "山田 花", "guardian_name": "山田 太郎"}
    registrants.correct(operator, keyring, found, now=clock.now(), **names)
    registrants.move(operator, found, ward.classes[1], clock.now())
    registrants.remove(operator, found, clock.now())
    evidence.weak(operator, keyring, ward.school.id, clock.now())
    rows = list(Audit.select().where(Audit.act != "registrants.requested").order_by(Audit.id))
    assert [row.act for row in rows] == [
        "registrations.listed", "registration.corrected", "child.moved", "registration.removed",
        "evidence.opened",
    ]  # fmt: skip
    for row in rows:
        assert (row.reason, json.loads(row.detail)["reference"]) == ("guardian", "2026-114"), row.act
        assert "山田" not in row.detail


def test_people_of_the_school_are_asked_for_no_reason(ward: Ward) -> None:
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    registrants.page(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, None, 1)
    row = Audit.get(Audit.act == "registrations.listed")
    assert (row.reason, "reference" in row.detail) == ("", False)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
def test_a_stated_reason_opens_nothing_for_others(ward: Ward, role: Role) -> None:
    actor = Actor(ward.account_id, role, frozenset(), Zone.ADMIN, session_id=7)
    with pytest.raises(NotAllowed):
        opening.request(actor, ward.school.id, Reason.WARD, "", clock.now())


def test_no_name_and_no_telephone_number_goes_into_the_reference(ward: Ward) -> None:
    operator = Actor(ward.account_id, Role.OPERATOR, frozenset(), Zone.ADMIN, session_id=7)
    for written in (
        "山田花子",
        "YAMADA",
        "Han",
        "090-1234-5678",
        "0312345678",
        "12345678",
        "3123-45678",
        "3456-7890",  # in Tokyo, without 03
        "456-7890",
        "45-6789",
        "T-3456-7890",
        "t3456-7890",
        "a b",
    ):
        with pytest.raises(TextInvalid):
            opening.request(operator, ward.school.id, Reason.FAULT, written, clock.now())


@pytest.mark.parametrize(
    "written",
    ["", "2026-114", "114", "K-87", "k87", "R8-114", "2026-1145", "2026-0123", "R8-1145", "K-2026-0123"],
)
def test_numbers_of_inquiries_and_letters_are_taken(ward: Ward, written: str) -> None:
    operator = Actor(ward.account_id, Role.OPERATOR, frozenset(), Zone.ADMIN, session_id=7)
    opening.request(operator, ward.school.id, Reason.GUARDIAN, written, clock.now())
    assert Opening.get().reference == written
