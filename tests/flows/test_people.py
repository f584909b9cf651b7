"""Who has an account and how: reported by the school, approved by the ward, invited on paper, moved in April,
stopped at any hour (R15, R19, R33)."""

from datetime import timedelta

import pytest
import time_machine

from appliance import account, clock
from appliance.account import handover, invitation, register, report
from appliance.actor import Actor, Duty, Role
from appliance.config import Zone
from appliance.errors import InvitationInvalid, LoginRefused, NotAllowed, NotYours, TextInvalid, WrongState
from appliance.models import Account, AccountSchool, Audit, Invitation, PersonReport, School
from tests.flows.ward import Ward, together

PASSWORD, OTHER = "ajisai-no-saku-michi-7", "kumo-ga-nagareru-oka-5"
OFFICE = "192.0.2.7"


def hire(ward: Ward, login_id: str, role: Role, *schools: School, duty: Duty | None = None) -> Actor:
    """Somebody who has been here for long."""
    made = account.add(
        ward.config, login_id=login_id, role=role, display_name=f"{login_id}さん",
        school_ids=[school.id for school in schools], password=PASSWORD, now=clock.now(), duty=duty,
    )  # fmt: skip
    return ward.actor(role, *(schools or (School(id=0),)), account_id=made.id)


@pytest.fixture
def officer(ward: Ward) -> Actor:
    return hire(ward, "kutan", Role.WARD_OFFICER)


def name(ward: Ward, login_id: str = "t-4021", actor: Actor | None = None, **given: object) -> PersonReport:
    """The principal names a teacher to the ward."""
    return report.report(
        actor or ward.actor(),
        **{
            "login_id": login_id, "display_name": "教諭 新田 春香", "role": Role.STAFF, "duty": Duty.HANDLER,
            "school_id": ward.school.id, "now": clock.now(),
        }
        | given,
    )  # fmt: skip


def approve(ward: Ward, officer: Actor, made: PersonReport) -> Account:
    return report.approve(ward.config, officer, made, clock.now())


def accept(ward: Ward, text: str, password: str = OTHER) -> Account:
    return invitation.accept(ward.config, text, password, network=OFFICE, now=clock.now())


def enter(ward: Ward, login_id: str, password: str = OTHER, zone: Zone = Zone.ADMIN) -> str:
    cookie, _ = account.login(ward.config, zone, login_id, password, network=OFFICE, now=clock.now())
    return cookie


def inside(ward: Ward, cookie: str, zone: Zone = Zone.ADMIN) -> Actor | None:
    return account.resolve(ward.config, zone, cookie, network=OFFICE, now=clock.now())


def schools_of(person: Account | Actor) -> list[int]:
    number = person.account_id if isinstance(person, Actor) else person.id
    rows = AccountSchool.select(AccountSchool.school).where(AccountSchool.account == number).tuples()
    return sorted(row[0] for row in rows)


# --- reported, approved, invited


def test_a_teacher_is_reported_approved_invited_and_logs_in(ward: Ward, officer: Actor) -> None:
    person = approve(ward, officer, name(ward))
    text, _ = invitation.issue(ward.config, ward.actor(), person, clock.now())
    with pytest.raises(LoginRefused):
        enter(ward, "t-4021")
    accept(ward, text)
    actor = inside(ward, enter(ward, "t-4021"))
    assert actor is not None
    assert (actor.role, actor.school_ids) == (Role.STAFF, {ward.school.id})
    acts = [row.act for row in Audit.select().order_by(Audit.id)]
    assert acts == [
        "person.reported", "account.added", "person.approved",
        "invitation.issued", "login.refused", "invitation.used", "login",
    ]  # fmt: skip
    assert not any("新田" in row.detail or "t-4021" in row.detail for row in Audit.select())


def test_the_principal_s_word_alone_lets_nobody_in(ward: Ward, officer: Actor) -> None:
    made = name(ward)
    with pytest.raises(NotAllowed, match="ward_decides"):
        report.approve(ward.config, ward.actor(), made, clock.now())
    assert Account.get_or_none(Account.login_id == "t-4021") is None


def test_what_is_refused_is_refused_and_may_be_reported_again(ward: Ward, officer: Actor) -> None:
    made = name(ward)
    report.refuse(officer, made, clock.now())
    with pytest.raises(WrongState):
        approve(ward, officer, made)
    assert approve(ward, officer, name(ward)).state == "invited"


def test_nobody_is_reported_twice_at_once(ward: Ward, officer: Actor) -> None:
    name(ward)
    with pytest.raises(TextInvalid) as refusal:
        name(ward, " T-4021 ")
    assert (refusal.value.field, refusal.value.reason) == ("login_id", "reported")


def test_two_officers_at_the_same_moment_open_one_account(ward: Ward, officer: Actor) -> None:
    made, colleague = name(ward), hire(ward, "kutan2", Role.WARD_OFFICER)
    ends = together(*(lambda who=who: approve(ward, who, made) for who in (officer, colleague)))
    assert sorted(type(each).__name__ for each in ends) == ["Account", "WrongState"]


@pytest.mark.parametrize(
    ("login_id", "display_name", "field", "reason"),
    [
        ("", "林", "login_id", "empty"),
        ("林", "林", "login_id", "characters"),
        ("a" * 41, "林", "login_id", "too_long"),
        ("t-1", "  ", "display_name", "empty"),
        ("t-1", "林\x00", "display_name", "characters"),
        ("t-1", "林" * 41, "display_name", "too_long"),
    ],
)
def test_what_cannot_be_an_id_or_a_name_is_not_reported(
    ward: Ward, login_id: str, display_name: str, field: str, reason: str
) -> None:
    with pytest.raises(TextInvalid) as refusal:
        name(ward, login_id, display_name=display_name)
    assert (refusal.value.field, refusal.value.reason) == (field, reason)
    assert PersonReport.select().count() == 0


def test_a_school_names_only_its_own_staff_and_the_vendor_only_operators(ward: Ward) -> None:
    teacher, boss = (
        hire(ward, "sensei", Role.STAFF, ward.school),
        hire(ward, "boss", Role.OPERATOR, duty=Duty.MANAGER),
    )
    clerk = hire(ward, "clerk", Role.OPERATOR)
    refused = [
        (ward.actor(), Role.PRINCIPAL, ward.school.id),
        (ward.actor(), Role.STAFF, ward.other.id),
        (ward.actor(), Role.WARD_OFFICER, None),
        (ward.actor(zone=Zone.SENDER), Role.STAFF, ward.school.id),
        (teacher, Role.STAFF, ward.school.id),
        (boss, Role.WARD_OFFICER, None),
        (boss, Role.STAFF, ward.school.id),
        (clerk, Role.OPERATOR, None),
    ]
    for actor, role, school_id in refused:
        with pytest.raises(NotAllowed):
            name(ward, actor=actor, role=role, school_id=school_id)
    assert name(ward, actor=boss, role=Role.OPERATOR, school_id=None).state == "reported"


def test_who_sees_every_school_is_approved_by_a_second_officer(ward: Ward, officer: Actor) -> None:
    for role in (Role.WARD_OFFICER, Role.OPERATOR, Role.AUDITOR):
        made = name(ward, f"new-{role}".replace("_", "-"), actor=officer, role=role, school_id=None)
        with pytest.raises(NotAllowed, match="another_decides"):
            approve(ward, officer, made)
        assert approve(ward, hire(ward, f"second-{role.value[:2]}", Role.WARD_OFFICER), made).role == role


def test_one_person_has_one_account_also_at_two_schools(ward: Ward, officer: Actor) -> None:
    teacher = hire(ward, "sensei", Role.STAFF, ward.school)
    encho = hire(ward, "encho", Role.PRINCIPAL, ward.other)
    person = approve(ward, officer, name(ward, "sensei", actor=encho, school_id=ward.other.id))
    assert (person.id, schools_of(teacher)) == (teacher.account_id, [ward.school.id, ward.other.id])
    assert enter(ward, "sensei", PASSWORD)  # the password stays


def test_a_teacher_here_who_becomes_principal_there_is_no_principal_here(ward: Ward, officer: Actor) -> None:
    teacher = hire(ward, "sensei", Role.STAFF, ward.school)
    named = name(
        ward, "sensei", actor=hire(ward, "kutan2", Role.WARD_OFFICER), role=Role.PRINCIPAL,
        duty=Duty.MANAGER, school_id=ward.other.id, display_name="senseiさん",
    )  # fmt: skip
    with pytest.raises(NotAllowed, match="other_role"):
        approve(ward, officer, named)
    assert Account.get_by_id(teacher.account_id).role == Role.STAFF
    assert schools_of(teacher) == [ward.school.id]
    handover.end(officer, [Account.get_by_id(teacher.account_id)], ward.school.id, clock.now())
    approve(ward, officer, named)
    assert Account.get_by_id(teacher.account_id).role == Role.PRINCIPAL


def test_who_is_at_one_school_only_takes_up_another_duty_there(ward: Ward, officer: Actor) -> None:
    teacher = hire(ward, "sensei", Role.STAFF, ward.school)
    approve(ward, officer, name(ward, "sensei", duty=Duty.MANAGER))
    assert Account.get_by_id(teacher.account_id).duty == Duty.MANAGER


def test_the_ward_s_people_are_never_made_a_school_s(ward: Ward, officer: Actor) -> None:
    with pytest.raises(NotAllowed, match="one_role"):
        approve(ward, hire(ward, "kutan2", Role.WARD_OFFICER), name(ward, "kutan"))
    assert Account.get(Account.login_id == "kutan").role == Role.WARD_OFFICER
    assert PersonReport.get().state == "reported"  # nothing of it is left half done


# --- the link


def test_a_link_works_once(ward: Ward, officer: Actor) -> None:
    text, _ = invitation.issue(ward.config, officer, approve(ward, officer, name(ward)), clock.now())
    accept(ward, text)
    with pytest.raises(InvitationInvalid, match="used"):
        accept(ward, text, "another-quiet-harbour-3")
    assert enter(ward, "t-4021")


def test_two_who_use_a_link_at_the_same_moment_do_not_both_set_a_password(ward: Ward, officer: Actor) -> None:
    text, _ = invitation.issue(ward.config, officer, approve(ward, officer, name(ward)), clock.now())
    ends = together(*(lambda new=new: accept(ward, text, new) for new in (OTHER, "another-quiet-harbour-3")))
    assert sorted(type(each).__name__ for each in ends) == ["Account", "InvitationInvalid"]


def test_a_link_ends_with_its_hours(morning: time_machine.Traveller, ward: Ward, officer: Actor) -> None:
    text, expires_at = invitation.issue(ward.config, officer, approve(ward, officer, name(ward)), clock.now())
    assert expires_at == clock.now() + timedelta(hours=ward.config.account.invitation_hours)
    morning.move_to(expires_at)
    with pytest.raises(InvitationInvalid, match="expired"):
        accept(ward, text)


def test_a_newer_link_ends_the_older(ward: Ward, officer: Actor) -> None:
    person = approve(ward, officer, name(ward))
    old, _ = invitation.issue(ward.config, officer, person, clock.now())
    new, _ = invitation.issue(ward.config, officer, person, clock.now())
    with pytest.raises(InvitationInvalid, match="ended"):
        accept(ward, old)
    assert accept(ward, new)


def test_the_table_of_links_opens_nothing(ward: Ward, officer: Actor) -> None:
    text, _ = invitation.issue(ward.config, officer, approve(ward, officer, name(ward)), clock.now())
    assert text not in repr(list(Invitation.select().dicts()))
    for made_up in ("", "x", "a" * 26, "あ" * 26, "../" * 9):
        with pytest.raises(InvitationInvalid, match="unknown"):
            accept(ward, made_up)


def test_a_weak_password_leaves_the_link_good(ward: Ward, officer: Actor) -> None:
    text, _ = invitation.issue(ward.config, officer, approve(ward, officer, name(ward)), clock.now())
    with pytest.raises(TextInvalid, match="guessable"):
        accept(ward, text, "midori-shougakkou-2026")
    assert accept(ward, text)


def test_a_lost_password_is_the_ward_s_business(ward: Ward, officer: Actor) -> None:
    """A principal who could set a teacher's password anew could act in the teacher's name."""
    teacher = hire(ward, "sensei", Role.STAFF, ward.school)
    person = Account.get_by_id(teacher.account_id)
    cookie = enter(ward, "sensei", PASSWORD)
    with pytest.raises(NotAllowed, match="ward_decides"):
        invitation.issue(ward.config, ward.actor(), person, clock.now())
    text, _ = invitation.issue(ward.config, officer, person, clock.now())
    assert inside(ward, cookie)  # until it is used nothing has changed
    accept(ward, text)
    assert inside(ward, cookie) is None
    with pytest.raises(LoginRefused):
        enter(ward, "sensei", PASSWORD)


def test_nobody_invites_oneself(ward: Ward, officer: Actor) -> None:
    with pytest.raises(NotAllowed, match="not_oneself"):
        invitation.issue(ward.config, officer, Account.get_by_id(officer.account_id), clock.now())


# --- moved, ended, stopped


def test_in_april_several_move_at_once_and_see_only_their_new_school(ward: Ward, officer: Actor) -> None:
    people = [hire(ward, f"t-{n}", Role.STAFF, ward.school) for n in range(3)]
    cookie = enter(ward, "t-0", PASSWORD)
    moving = [Account.get_by_id(each.account_id) for each in people[:2]]
    handover.move(officer, moving, ward.school.id, ward.other.id, clock.now())
    assert [schools_of(each) for each in people] == [[ward.other.id], [ward.other.id], [ward.school.id]]
    actor = inside(ward, cookie)
    assert actor is not None
    assert actor.school_ids == {ward.other.id}
    for moved in register.of_school(ward.config, ward.other.id, clock.now()):
        assert (moved.reported_by, moved.approved_by) == ("kutanさん", "kutanさん"), "on paper, too (R15)"


def test_a_move_is_for_all_of_the_list_or_for_nobody(ward: Ward, officer: Actor) -> None:
    here, not_here = hire(ward, "t-0", Role.STAFF, ward.school), hire(ward, "t-1", Role.STAFF, ward.other)
    both = [Account.get_by_id(each.account_id) for each in (here, not_here)]
    with pytest.raises(NotYours):
        handover.move(officer, both, ward.school.id, ward.other.id, clock.now())
    assert schools_of(here) == [ward.school.id]


def test_whose_last_school_ends_loses_the_account_who_has_another_keeps_it(ward: Ward) -> None:
    leaving = hire(ward, "t-0", Role.STAFF, ward.school)
    both = hire(ward, "t-1", Role.STAFF, ward.school, ward.other)
    cookies = [enter(ward, login_id, PASSWORD) for login_id in ("t-0", "t-1")]
    people = [Account.get_by_id(each.account_id) for each in (leaving, both)]
    handover.end(ward.actor(), people, ward.school.id, clock.now())
    assert [inside(ward, cookie) is None for cookie in cookies] == [True, False]
    assert Account.get_by_id(leaving.account_id).state == "ended"


def test_who_comes_back_after_years_is_invited_anew(ward: Ward, officer: Actor) -> None:
    person = Account.get_by_id(hire(ward, "sensei", Role.STAFF, ward.school).account_id)
    handover.end(officer, [person], ward.school.id, clock.now())
    again = approve(ward, officer, name(ward, "sensei", display_name=person.display_name))
    assert (again.id, Account.get_by_id(person.id).state) == (person.id, "invited")
    with pytest.raises(LoginRefused):
        enter(ward, "sensei", PASSWORD)


def test_a_login_id_that_was_another_person_s_is_not_given_out_again(ward: Ward, officer: Actor) -> None:
    """Else the records of the one would stand under the name of the other (R27)."""
    gone = Account.get_by_id(hire(ward, "gone", Role.STAFF, ward.school).account_id)
    handover.end(officer, [gone], ward.school.id, clock.now())
    with pytest.raises(NotAllowed, match="another_person"):
        approve(ward, officer, name(ward, "gone", display_name="教諭 別の 人"))
    assert Account.get_by_id(gone.id).state == "ended"


def test_suspended_is_suspended_everywhere_at_the_next_click(ward: Ward, officer: Actor) -> None:
    person = Account.get_by_id(hire(ward, "sensei", Role.STAFF, ward.school, ward.other).account_id)
    admin, sender = enter(ward, "sensei", PASSWORD), enter(ward, "sensei", PASSWORD, Zone.SENDER)
    text, _ = invitation.issue(ward.config, officer, person, clock.now())
    assert handover.suspend(ward.actor(), person, clock.now()) == 2
    assert inside(ward, admin) is None
    assert inside(ward, sender, Zone.SENDER) is None
    with pytest.raises(LoginRefused, match="suspended"):
        enter(ward, "sensei", PASSWORD)
    with pytest.raises(InvitationInvalid):
        accept(ward, text)
    with pytest.raises(NotAllowed, match="ward_decides"):
        handover.resume(ward.actor(), person)
    handover.resume(officer, person)
    assert inside(ward, admin) is None, "an old session must not come back to life"
    assert enter(ward, "sensei", PASSWORD)


def test_logged_out_elsewhere_and_free_to_log_in(ward: Ward, officer: Actor) -> None:
    person = Account.get_by_id(hire(ward, "sensei", Role.STAFF, ward.school).account_id)
    admin, sender = enter(ward, "sensei", PASSWORD), enter(ward, "sensei", PASSWORD, Zone.SENDER)
    assert handover.log_out(ward.actor(), person, clock.now()) == 2
    assert inside(ward, admin) is None
    assert inside(ward, sender, Zone.SENDER) is None
    assert inside(ward, enter(ward, "sensei", PASSWORD))
    for who in (hire(ward, "t-1", Role.STAFF, ward.other), officer):
        with pytest.raises(NotAllowed, match="ward_decides"):
            handover.log_out(ward.actor(), Account.get_by_id(who.account_id), clock.now())


def test_a_principal_stops_the_own_staff_and_nobody_else(ward: Ward, officer: Actor) -> None:
    others = [
        hire(ward, "t-1", Role.STAFF, ward.other),
        hire(ward, "fuku", Role.PRINCIPAL, ward.school),
        hire(ward, "gyousha", Role.OPERATOR),
        officer,
    ]
    for who in others:
        with pytest.raises(NotAllowed, match="ward_decides"):
            handover.suspend(ward.actor(), Account.get_by_id(who.account_id), clock.now())
    with pytest.raises(NotAllowed, match="not_oneself"):
        handover.suspend(ward.actor(), Account.get_by_id(ward.account_id), clock.now())
    with pytest.raises(NotAllowed, match="not_from_this_site"):
        handover.suspend(ward.actor(zone=Zone.SENDER), Account.get_by_id(others[0].account_id), clock.now())


def test_only_the_ward_moves_people(ward: Ward) -> None:
    person = Account.get_by_id(hire(ward, "t-1", Role.STAFF, ward.school).account_id)
    with pytest.raises(NotAllowed, match="ward_decides"):
        handover.move(ward.actor(), [person], ward.school.id, ward.other.id, clock.now())
