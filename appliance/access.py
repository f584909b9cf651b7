"""The only door from an id to an object.

Owns the question "is this yours, and may you?". Every page that has an id in its URL comes through here.
Refuses to say why an object is not there: absent and foreign both raise `NotYours`. A role or a site that
may not do what is asked gets `NotAllowed` with the reason.
"""

from typing import Any

from appliance import clock
from appliance.actor import Actor, Duty, Role
from appliance.config import Zone
from appliance.errors import NotAllowed, NotYours
from appliance.models import (
    Account,
    AccountSchool,
    Address,
    Broadcast,
    BroadcastSchool,
    Child,
    Device,
    Opening,
    PersonReport,
    Registration,
    School,
    SchoolClass,
)
from appliance.states import AccountState

OF_A_SCHOOL = frozenset({Role.PRINCIPAL, Role.STAFF})
OF_THE_WARD = frozenset({Role.WARD_OFFICER, Role.OPERATOR})
"""Who sees counts and status of all schools: the ward, and who runs the service for it (R12, R14)."""


def may_see_school(actor: Actor, school_id: int) -> str | None:
    """None, or the reason why not: counts and status of one's own schools, or of all."""
    if actor.role in OF_THE_WARD:
        return None
    return None if actor.role in OF_A_SCHOOL and school_id in actor.school_ids else "not_your_school"


def may_see_ward(actor: Actor) -> str | None:
    """Counts, status and texts of what the ward itself sends, as a whole."""
    return None if actor.role in OF_THE_WARD else "not_with_this_role"


def may_open_names(actor: Actor, school_id: int) -> str | None:
    """Names and addresses, on the administration site only (R10): of the own school by its people, and by an
    operator who has just said for what reason (R12)."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if actor.role is Role.OPERATOR:
        return None if _opening(actor, school_id) else "reason_needed"
    if actor.role not in OF_A_SCHOOL:
        return "not_with_this_role"
    return None if school_id in actor.school_ids else "not_your_school"


def why(actor: Actor, school_id: int) -> dict[str, Any]:
    """For the record of what an operator opens or changes: the reason given for it, and the inquiry's number.

    Nothing for people of the school, who are asked for none.
    """
    opening = _opening(actor, school_id) if actor.role is Role.OPERATOR else None
    if opening is None:
        return {}
    return {"reason": opening.reason, **({"reference": opening.reference} if opening.reference else {})}


def may_request_names(actor: Actor) -> str | None:
    """To open registrants for a stated reason: operators, on the administration site."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    return None if actor.role is Role.OPERATOR else "not_with_this_role"


def may_report(actor: Actor, role: Role, school_id: int | None) -> str | None:
    """To name a person to the ward (R15, R19): the principal for the own school's staff, the vendor's
    responsible person for operators, the ward officer for everybody."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if (role in OF_A_SCHOOL) != (school_id is not None):
        return "not_with_this_role"
    if actor.role is Role.WARD_OFFICER:
        return None
    if actor.role is Role.PRINCIPAL and role is Role.STAFF:
        return None if school_id in actor.school_ids else "not_your_school"
    if role is Role.OPERATOR and _is_responsible(actor):
        return None
    return "ward_decides"


def may_decide(actor: Actor, report: PersonReport) -> str | None:
    """To decide a report: a ward officer; about people who see every school, another one than its author."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if actor.role is not Role.WARD_OFFICER:
        return "ward_decides"
    own = report.reported_by_id == actor.account_id
    return "another_decides" if own and report.role not in OF_A_SCHOOL else None


def may_invite(actor: Actor, account: Account) -> str | None:
    """To hand out a link that sets a password: for a lost one only the ward officer."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if account.id == actor.account_id:
        return "not_oneself"
    if account.state not in (AccountState.INVITED, AccountState.ACTIVE):
        return "not_active"
    if actor.role is Role.WARD_OFFICER:
        return None
    return may_suspend(actor, account) if account.state == AccountState.INVITED else "ward_decides"


def may_suspend(actor: Actor, account: Account) -> str | None:
    """To stop somebody at once: a ward officer anybody, a principal the staff, the vendor's responsible
    person the operators; never oneself."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if account.id == actor.account_id:
        return "not_oneself"
    if actor.role is Role.WARD_OFFICER:
        return None
    if actor.role is Role.PRINCIPAL and account.role == Role.STAFF and _share_a_school(actor, account):
        return None
    return None if account.role == Role.OPERATOR and _is_responsible(actor) else "ward_decides"


def may_resume(actor: Actor, account: Account) -> str | None:
    """To let a suspended person in again: the ward officer."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if account.id == actor.account_id:
        return "not_oneself"
    return None if actor.role is Role.WARD_OFFICER else "ward_decides"


def may_end_at(actor: Actor, school_id: int) -> str | None:
    """To end people's work at a school: its principal, or the ward officer."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if actor.role is Role.WARD_OFFICER:
        return None
    if actor.role is not Role.PRINCIPAL:
        return "not_with_this_role"
    return None if school_id in actor.school_ids else "not_your_school"


def may_move(actor: Actor) -> str | None:
    """To move people to another school: the ward officer, who knows both."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    return None if actor.role is Role.WARD_OFFICER else "ward_decides"


def may_read_register(actor: Actor, school_id: int | None) -> str | None:
    """Who manages and handles a school's ids, or the vendor's (no school): names of staff only."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if actor.role in (Role.WARD_OFFICER, Role.AUDITOR):
        return None
    if school_id is None:
        return None if actor.role is Role.OPERATOR else "not_with_this_role"
    if actor.role is not Role.PRINCIPAL:
        return "not_with_this_role"
    return None if school_id in actor.school_ids else "not_your_school"


def may_write(actor: Actor, school_id: int | None) -> str | None:
    """To write a broadcast: people of the school; for the ward (None) its officers."""
    if school_id is None:
        return None if actor.role is Role.WARD_OFFICER else "ward_decides"
    if actor.role not in OF_A_SCHOOL:
        return "not_with_this_role"
    return None if school_id in actor.school_ids else "not_your_school"


def may_send(actor: Actor, school: School | None) -> str | None:
    """To send without another's approval: the principal, or staff where the school allows it (R13); for the
    ward (None) its officers."""
    reason = may_write(actor, None if school is None else school.id)
    if reason is not None or school is None:
        return reason
    if actor.role is Role.STAFF and school.approval_required:
        return "principal_decides"
    return None


def may_stop(actor: Actor, broadcast: Broadcast) -> str | None:
    """To stop what is going out: who may send it; a ward officer, if its sender may do nothing any more."""
    sender = broadcast.decided_by
    if actor.role is Role.WARD_OFFICER and sender is not None and sender.state != AccountState.ACTIVE:
        return None
    return may_send(actor, broadcast.school)


def may_read_everything(actor: Actor) -> str | None:
    """The registers of the whole ward and the operation record (R27): ward officers and auditors."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    return None if actor.role in (Role.WARD_OFFICER, Role.AUDITOR) else "not_with_this_role"


def require(reason: str | None) -> None:
    """Raises `NotAllowed` with the reason, if there is one."""
    if reason is not None:
        raise NotAllowed(reason)


def schools(actor: Actor) -> list[School]:
    """All schools that the actor sees, by name."""
    query = School.select().order_by(School.id)
    if actor.role not in OF_THE_WARD:
        own = actor.school_ids if actor.role in OF_A_SCHOOL else ()
        query = query.where(School.id.in_(list(own)))
    return list(query)


def school(actor: Actor, school_id: int) -> School:
    """Raises `NotYours`."""
    found: School | None = (
        School.get_or_none(School.id == school_id) if may_see_school(actor, school_id) is None else None
    )
    if found is None:
        raise NotYours("school")
    return found


def school_class(actor: Actor, school_class_id: int) -> SchoolClass:
    """Raises `NotYours`."""
    found: SchoolClass | None = SchoolClass.get_or_none(SchoolClass.id == school_class_id)
    if found is None or may_see_school(actor, found.school_id) is not None:
        raise NotYours("school class")
    return found


def broadcast(actor: Actor, broadcast_id: int) -> Broadcast:
    """Raises `NotYours`. Schools see the ward's when it has gone to their guardians."""
    found: Broadcast | None = Broadcast.get_or_none(Broadcast.id == broadcast_id)
    if found is None or not _sees(actor, found):
        raise NotYours("broadcast")
    return found


def _sees(actor: Actor, found: Broadcast) -> bool:
    if found.school_id is not None:
        return may_see_school(actor, found.school_id) is None
    return may_see_ward(actor) is None or bool(own_schools_of(actor, found))


def own_schools_of(actor: Actor, found: Broadcast) -> list[int]:
    """The schools of a school's person to which a broadcast of the ward has gone."""
    if actor.role not in OF_A_SCHOOL:
        return []
    rows = BroadcastSchool.select(BroadcastSchool.school).where(
        BroadcastSchool.broadcast == found.id, BroadcastSchool.school.in_(list(actor.school_ids))
    )
    return sorted(row[0] for row in rows.tuples())


def registration(actor: Actor, registration_id: int) -> Registration:
    """With its child, class and address. Raises `NotYours`, `NotAllowed`."""
    its = Registration.id == registration_id, Registration.child.is_null(False)
    school_id = Registration.select(Registration.school).where(*its).scalar()
    if school_id is None or may_see_school(actor, school_id) is not None:
        raise NotYours("registration")
    reason = may_open_names(actor, school_id)
    if reason is not None:
        raise NotAllowed(reason)
    found: Registration | None = (
        Registration.select(Registration, Child, SchoolClass, Address)
        .join(Child)
        .join(SchoolClass)
        .switch(Registration)
        .join(Address)
        .where(*its)
        .get_or_none()
    )
    if found is None:
        raise NotYours("registration")
    return found


def device(actor: Actor, device_id: int) -> Device:
    """One that the actor answers for. Raises `NotYours`."""
    found: Device | None = Device.get_or_none(Device.id == device_id)
    if found is None or may_answer_for(actor, found) is not None:
        raise NotYours("device")
    return found


def device_in_use(actor: Actor, device_id: int) -> Device:
    """One that the actor may keep for another year. Raises `NotYours`."""
    found: Device | None = Device.get_or_none(Device.id == device_id)
    if found is None or may_keep(actor, found) is not None:
        raise NotYours("device")
    return found


def may_keep(actor: Actor, found: Device) -> str | None:
    """Who answers for the device, and at a school device the people of its school."""
    of_the_school = found.kind == "school" and found.school_id in actor.school_ids
    return None if of_the_school else may_answer_for(actor, found)


def may_answer_for(actor: Actor, found: Device) -> str | None:
    """Who gives a device its code and ends it: the ward any; a person their own; a school's, who asked for it
    while they work there, and its principal. No school device is touched from outside its site."""
    inside = actor.zone is Zone.ADMIN
    answers = found.holder_id == actor.account_id
    if found.kind == "school":
        at_its_school = inside and found.school_id in actor.school_ids
        answers = at_its_school and (answers or actor.role is Role.PRINCIPAL)
    of_the_ward = inside and actor.role is Role.WARD_OFFICER
    return None if answers or of_the_ward else "not_your_device"


def account(actor: Actor, account_id: int) -> Account:
    """Somebody whose register the actor may read. Raises `NotYours`."""
    found: Account | None = Account.get_or_none(Account.id == account_id)
    if found is None or actor.zone is not Zone.ADMIN:
        raise NotYours("account")
    seen = (
        actor.role in (Role.WARD_OFFICER, Role.AUDITOR)
        or (actor.role is Role.PRINCIPAL and found.role in OF_A_SCHOOL and _share_a_school(actor, found))
        or (actor.role is Role.OPERATOR and found.role == Role.OPERATOR)
    )
    if not seen:
        raise NotYours("account")
    return found


def report(actor: Actor, report_id: int) -> PersonReport:
    """A person's report, for the ward officer. Raises `NotYours`."""
    found: PersonReport | None = PersonReport.get_or_none(PersonReport.id == report_id)
    if found is None or actor.zone is not Zone.ADMIN or actor.role is not Role.WARD_OFFICER:
        raise NotYours("report")
    return found


def register_school(actor: Actor, school_id: int) -> School:
    """A school whose register the actor may read. Raises `NotYours`."""
    found: School | None = School.get_or_none(School.id == school_id)
    if found is None or may_read_register(actor, school_id) is not None:
        raise NotYours("school")
    return found


def schools_of(account: Account) -> list[School]:
    """The schools for which somebody acts, by id."""
    return list(
        School.select().join(AccountSchool).where(AccountSchool.account == account).order_by(School.id)
    )


def _share_a_school(actor: Actor, account: Account) -> bool:
    shared: bool = (
        AccountSchool.select()
        .where(AccountSchool.account == account, AccountSchool.school.in_(list(actor.school_ids)))
        .exists()
    )
    return shared


def _is_responsible(actor: Actor) -> bool:
    """取扱責任者 of the vendor (R19)."""
    if actor.role is not Role.OPERATOR:
        return False
    found: bool = (
        Account.select().where(Account.id == actor.account_id, Account.duty == Duty.MANAGER).exists()
    )
    return found


def _opening(actor: Actor, school_id: int) -> Opening | None:
    """The last reason that an operator has given in this session, while it holds."""
    if actor.session_id is None:
        return None
    found: Opening | None = (
        Opening.select()
        .where(
            Opening.account == actor.account_id,
            Opening.school == school_id,
            Opening.session_id == actor.session_id,
            Opening.ends_at > clock.now(),
        )
        .order_by(Opening.opened_at.desc(), Opening.id.desc())
        .first()
    )
    return found
