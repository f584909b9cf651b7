"""Who may what: every role, on each site, at its own school and at another's, asked of every door."""

from collections.abc import Callable
from itertools import product

import pytest

from appliance import access
from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.errors import NotAllowed, NotYours
from appliance.models import School
from tests.flows.ward import Ward

SITES = (Zone.ADMIN, Zone.SENDER)
ALL = list(product(Role, SITES, (True, False)))
OF_THE_WARD = {Role.WARD_OFFICER, Role.OPERATOR}
OF_A_SCHOOL = {Role.PRINCIPAL, Role.STAFF}


def expected(door: str, role: Role, zone: Zone, own: bool) -> bool:
    """The table, in words: ward and vendor see all schools and no name, an auditor neither; schools act only
    for themselves."""
    if door == "see":
        return role in OF_THE_WARD or (own and role in OF_A_SCHOOL)
    if door == "open_names":
        return own and role in OF_A_SCHOOL and zone is Zone.ADMIN
    if door == "send":
        return own and role is Role.PRINCIPAL
    return own and role in OF_A_SCHOOL


DOORS: dict[str, Callable[[Actor, School], str | None]] = {
    "see": lambda actor, school: access.may_see_school(actor, school.id),
    "open_names": lambda actor, school: access.may_open_names(actor, school.id),
    "write": lambda actor, school: access.may_write(actor, school.id),
    "send": access.may_send,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("role", "zone", "own"), ALL)
def test_a_door_opens_exactly_to_whom_the_table_says(door: str, role: Role, zone: Zone, own: bool) -> None:
    school = School(id=1, approval_required=True)
    actor = Actor(1, role, frozenset({1 if own else 2}), zone)
    reason = DOORS[door](actor, school)
    assert (reason is None) == expected(door, role, zone, own), reason
    assert reason is None or reason.replace("_", "").isalpha()


def test_staff_send_alone_only_where_the_school_allows_it() -> None:
    teacher = Actor(1, Role.STAFF, frozenset({1}), Zone.SENDER)
    assert access.may_send(teacher, School(id=1, approval_required=False)) is None
    assert access.may_send(teacher, School(id=1, approval_required=True)) == "principal_decides"


@pytest.mark.parametrize("zone", SITES)
@pytest.mark.parametrize("role", Role)
def test_from_an_id_to_an_object_and_absent_and_foreign_are_the_same_answer(
    ward: Ward, role: Role, zone: Zone
) -> None:
    registered = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    written = ward.draft()
    ours = {
        access.school: ward.school.id,
        access.school_class: ward.classes[0].id,
        access.broadcast: written.id,
    }
    insider, outsider = (ward.actor(role, place, zone=zone) for place in (ward.school, ward.other))
    for door, object_id in ours.items():
        absent = said(door, outsider, 987_654)
        for actor, own in ((insider, True), (outsider, False)):
            if expected("see", role, zone, own):
                assert door(actor, object_id).id == object_id
            else:
                assert said(door, actor, object_id) == absent
    for actor, own in ((insider, True), (outsider, False)):
        if expected("open_names", role, zone, own):
            assert access.registration(actor, registered.id).child.id == registered.child_id
        elif expected("see", role, zone, own):
            with pytest.raises(NotAllowed):
                access.registration(actor, registered.id)
        else:
            assert said(access.registration, actor, registered.id) == said(
                access.registration, actor, 987_654
            )


def said(door: Callable[[Actor, int], object], actor: Actor, object_id: int) -> str:
    """The refusal's own words."""
    with pytest.raises(NotYours) as refusal:
        door(actor, object_id)
    return str(refusal.value)


@pytest.mark.parametrize("role", Role)
def test_the_list_of_schools_is_ones_own_or_the_whole_ward(ward: Ward, role: Role) -> None:
    seen = [row.id for row in access.schools(ward.actor(role, ward.other))]
    whole = [ward.school.id, ward.other.id]
    assert seen == (whole if role in OF_THE_WARD else [ward.other.id] if role in OF_A_SCHOOL else [])


def test_a_registration_nobody_confirmed_cannot_be_opened(ward: Ward) -> None:
    """It has no child yet, and nobody at the school has any business with it."""
    pending = ward.empty_mail("curious@docomo.ne.jp").registration_id
    with pytest.raises(NotYours):
        access.registration(ward.actor(), pending)
