"""Two children of one name in one class are one child: finding that out, and joining them.

Owns merging a child into its namesake, and recognising the children whose names came by mail: the mail zone
seals a name, but has no key to find it again (docs/decisions/0075-names-by-mail-are-recognised-later.md).
A zone that opens names does that when it next looks. Refuses permissions. Fails as the database does.
"""

from datetime import datetime

from appliance import db, withdrawal
from appliance.errors import SealBroken
from appliance.keys import Keyring, Purpose, Slot, name_form
from appliance.models import Child, Registration, SchoolClass
from appliance.registration.confirm import tell_others
from appliance.states import RegistrationState


def recognise(keyring: Keyring, school_id: int, now: datetime) -> int:
    """Gives every child of the school that came by mail its index, and joins it with its namesake.

    The guardians who were there before are told of the new address, as at the form. Returns how many children
    were looked at. The keyring is of a zone that opens names.
    """
    with db.transaction():
        waiting = list(Child.select(Child).where(Child.school == school_id, Child.unrecognised))
        if not waiting:
            return 0
        classes = SchoolClass.select().where(SchoolClass.id.in_([row.school_class_id for row in waiting]))
        list(db.held(classes.order_by(SchoolClass.id), "FOR NO KEY UPDATE"))  # as the form does, in order
        for child in waiting:
            _recognise(keyring, child, now)
    return len(waiting)


def _recognise(keyring: Keyring, child: Child, now: datetime) -> None:
    slot = Slot(Purpose.NAMES, "child", "name_sealed", child.school_id, child.id)
    try:
        name = keyring.open(slot, bytes(child.name_sealed))
    except SealBroken:
        Child.update(unrecognised=False).where(Child.id == child.id).execute()  # staff see it, and correct it
        return
    index = keyring.index(Purpose.NAMES, name_form(name))
    changed = (
        Child.update(name_index=index, unrecognised=False)
        .where(Child.id == child.id, Child.unrecognised)
        .execute()
    )
    if changed != 1:
        return  # somebody else looked at the same moment
    theirs = [row.id for row in Registration.select(Registration.id).where(Registration.child == child.id)]
    if merge_into_namesake(child.id, child.school_class_id, index, now):
        for joined in Registration.select().where(
            Registration.id.in_(theirs), Registration.state == RegistrationState.CONFIRMED
        ):
            tell_others(joined, now)


def merge_into_namesake(child_id: int, school_class_id: int, index: bytes, now: datetime) -> bool:
    """Gives the child's registrations to another child of the same name in the class, if there is one."""
    namesake = Child.get_or_none(
        Child.school_class == school_class_id, Child.name_index == index, Child.id != child_id
    )
    if namesake is None:
        return False
    theirs = Registration.select(Registration.address).where(
        Registration.child == namesake, Registration.state == RegistrationState.CONFIRMED
    )
    doubles = Registration.select().where(Registration.child == child_id, Registration.address.in_(theirs))
    for double in list(doubles):
        withdrawal.end(double, now)
    Registration.update(child=namesake).where(Registration.child == child_id).execute()
    withdrawal.forget_child(child_id)
    return True
