"""The only door from an id to an object.

Owns the question "is this yours, and may you?". Every page that has an id in its URL comes through here.
Refuses to say why an object is not there: absent and foreign both raise `NotYours`. A role or a site that
may not do what is asked gets `NotAllowed` with the reason.
"""

from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.errors import NotAllowed, NotYours
from appliance.models import Address, Broadcast, Child, Registration, School, SchoolClass

_OF_A_SCHOOL = frozenset({Role.PRINCIPAL, Role.STAFF})
_READ_RECORDS = frozenset({Role.WARD_OFFICER, Role.AUDITOR})


def may_see_school(actor: Actor, school_id: int) -> str | None:
    """None, or the reason why not. Ward officers see all schools, others their own."""
    if actor.role is Role.WARD_OFFICER or school_id in actor.school_ids:
        return None
    return "not_your_school"


def may_open_names(actor: Actor, school_id: int) -> str | None:
    """Names and addresses: own school, by its people, on the administration site only (R10)."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if actor.role not in _OF_A_SCHOOL:
        return "not_with_this_role"
    return None if school_id in actor.school_ids else "not_your_school"


def may_write(actor: Actor, school_id: int) -> str | None:
    """To write a broadcast: people of the school."""
    if actor.role not in _OF_A_SCHOOL:
        return "not_with_this_role"
    return None if school_id in actor.school_ids else "not_your_school"


def may_send(actor: Actor, school: School) -> str | None:
    """To send without another's approval: the principal, or staff where the school allows it (R13)."""
    reason = may_write(actor, school.id)
    if reason is not None:
        return reason
    if actor.role is Role.STAFF and school.approval_required:
        return "principal_decides"
    return None


def may_read_records(actor: Actor) -> str | None:
    """The operation record: ward officers and auditors, on the administration site."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    return None if actor.role in _READ_RECORDS else "not_with_this_role"


def schools(actor: Actor) -> list[School]:
    """All schools that the actor sees, by name."""
    query = School.select().order_by(School.id)
    if actor.role is not Role.WARD_OFFICER:
        query = query.where(School.id.in_(list(actor.school_ids)))
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
    """Raises `NotYours`."""
    found: Broadcast | None = Broadcast.get_or_none(Broadcast.id == broadcast_id)
    if found is None or may_see_school(actor, found.school_id) is not None:
        raise NotYours("broadcast")
    return found


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
