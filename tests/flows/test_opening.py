"""The vendor answers inquiries: an operator opens a school's registrants for a recorded reason (R12, R28)."""

import pytest
import time_machine

from appliance import access, account, clock
from appliance.account import opening
from appliance.account.opening import Reason
from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.errors import NotAllowed, TextInvalid
from appliance.models import Audit
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


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
def test_a_stated_reason_opens_nothing_for_others(ward: Ward, role: Role) -> None:
    actor = Actor(ward.account_id, role, frozenset(), Zone.ADMIN, session_id=7)
    with pytest.raises(NotAllowed):
        opening.request(actor, ward.school.id, Reason.WARD, "", clock.now())


def test_no_name_and_no_telephone_number_goes_into_the_reference(ward: Ward) -> None:
    operator = Actor(ward.account_id, Role.OPERATOR, frozenset(), Zone.ADMIN, session_id=7)
    for written in ("山田花子", "090-1234-5678", "a b", "x" * 11):
        with pytest.raises(TextInvalid):
            opening.request(operator, ward.school.id, Reason.FAULT, written, clock.now())
