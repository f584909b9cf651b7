"""Schools and their classes.

Owns creating them, with keys and a security code. Refuses personal data. Fails with ValueError-like
`WrongState` when a class still has children and is to be retired.
"""

from collections.abc import Sequence

from appliance import access, audit, clock, db, keystore, security_code
from appliance.actor import Actor
from appliance.errors import WrongState
from appliance.models import Child, Registration, School, SchoolClass
from appliance.states import RegistrationState

KINDS = ("kindergarten", "elementary", "junior_high", "special_needs")


def add_school(kind: str, name: str, name_en: str, *, approval_required: bool = False) -> School:
    """A new school with its key pairs and a security code, in one transaction."""
    with db.transaction():
        school: School = School.create(
            kind=kind,
            name=name,
            name_en=name_en,
            approval_required=approval_required,
            created_at=clock.now(),
        )
        keystore.create_keys(school.id)
        security_code.renew(school)
    return school


def add_classes(school: School, names: Sequence[tuple[str, str]]) -> list[SchoolClass]:
    """Adds (grade, label) pairs after the classes that are there, in the given order."""
    with db.transaction():
        last = max((row.sort_key for row in classes(school.id)), default=0)
        return [
            SchoolClass.create(school=school, grade=grade, label=label, sort_key=last + place)
            for place, (grade, label) in enumerate(names, start=1)
        ]


def classes(school_id: int) -> list[SchoolClass]:
    """The classes of today, in their order."""
    return list(
        SchoolClass.select()
        .where(SchoolClass.school == school_id, SchoolClass.retired_at.is_null())
        .order_by(SchoolClass.sort_key, SchoolClass.id)
    )


def retire_class(actor: Actor, school_class: SchoolClass) -> None:
    """A class ends. Raises `WrongState` while registered children are in it."""
    with db.transaction():
        occupied = (
            Registration.select()
            .join(Child)
            .where(Child.school_class == school_class, Registration.state == RegistrationState.CONFIRMED)
            .exists()
        )
        if occupied:
            raise WrongState("the class still has registered children")
        SchoolClass.update(retired_at=clock.now()).where(SchoolClass.id == school_class.id).execute()
        audit.record(
            actor, audit.Act.CLASS_RETIRED, "school_class", school_class.id, school_id=school_class.school_id,
            **access.why(actor, school_class.school_id),
        )  # fmt: skip
