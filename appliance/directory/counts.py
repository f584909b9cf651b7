"""How many are registered, visible at any time (R14); no name or address is opened for it.

Owns the GROUP BYs: nothing keeps a running total. Cannot fail but as the database does.
"""

from dataclasses import dataclass

from peewee import fn

from appliance.models import Child, Registration, School, SchoolClass
from appliance.states import RegistrationState


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Registered children, registrations and addresses of one class."""

    school_class_id: int
    grade: str
    label: str
    children: int
    registrations: int
    addresses: int


@dataclass(frozen=True, slots=True)
class SchoolCount:
    """The same of one school; `waiting` asked for the link but have not written names yet."""

    school_id: int
    children: int
    registrations: int
    addresses: int
    waiting: int


def by_class(school_id: int) -> list[ClassCount]:
    """Every class of today, also the empty ones, in their order."""
    rows = (
        SchoolClass.select(
            SchoolClass.id,
            SchoolClass.grade,
            SchoolClass.label,
            fn.COUNT(fn.DISTINCT(Registration.child)),
            fn.COUNT(Registration.id),
            fn.COUNT(fn.DISTINCT(Registration.address)),
        )
        .left_outer_join(Child, on=(Child.school_class == SchoolClass.id))
        .left_outer_join(
            Registration,
            on=((Registration.child == Child.id) & (Registration.state == RegistrationState.CONFIRMED)),
        )
        .where(SchoolClass.school == school_id, SchoolClass.retired_at.is_null())
        .group_by(SchoolClass.id, SchoolClass.grade, SchoolClass.label, SchoolClass.sort_key)
        .order_by(SchoolClass.sort_key, SchoolClass.id)
        .tuples()
    )
    return [ClassCount(*row) for row in rows]


def by_school(school_ids: list[int]) -> dict[int, SchoolCount]:
    """Counts of the given schools by id."""
    confirmed: dict[int, tuple[int, int, int]] = {
        row[0]: row[1:]
        for row in Registration.select(
            Registration.school,
            fn.COUNT(fn.DISTINCT(Registration.child)),
            fn.COUNT(Registration.id),
            fn.COUNT(fn.DISTINCT(Registration.address)),
        )
        .where(Registration.school.in_(school_ids), Registration.state == RegistrationState.CONFIRMED)
        .group_by(Registration.school)
        .tuples()
    }
    waiting = dict(
        Registration.select(Registration.school, fn.COUNT(Registration.id))
        .where(Registration.school.in_(school_ids), Registration.state == RegistrationState.REQUESTED)
        .group_by(Registration.school)
        .tuples()
    )
    known = [row[0] for row in School.select(School.id).where(School.id.in_(school_ids)).tuples()]
    return {
        school_id: SchoolCount(school_id, *confirmed.get(school_id, (0, 0, 0)), waiting.get(school_id, 0))
        for school_id in known
    }
