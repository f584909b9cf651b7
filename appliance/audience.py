"""配信対象: the rule by which recipients are chosen, and its echo before anything is sent.

Owns the rule's form, the count that is shown ("exactly who it will go to") and the SQL that turns it into
one delivery per address. Refuses names and addresses: classes and counts only. Cannot fail but as the
database does.
"""

import json
from dataclasses import dataclass

from appliance import db
from appliance.address import Carrier
from appliance.delivery.status import carrier_of_site
from appliance.directory import counts
from appliance.directory.counts import ClassCount
from appliance.models import School

_MEMBERS = """
    FROM registration AS r
    JOIN child AS c ON c.id = r.child_id
    JOIN address AS a ON a.id = r.address_id
    WHERE r.school_id = ? AND r.state = 'confirmed'
"""


def ids_in(text: str, name: str) -> frozenset[int] | None:
    """The ids under a name; None is everybody. What no program of ours wrote means nobody."""
    try:
        ids = json.loads(text)[name]
        return None if ids is None else frozenset(int(number) for number in ids)
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
        return frozenset()


@dataclass(frozen=True, slots=True)
class Audience:
    """`school_class_ids` None is the whole school."""

    school_class_ids: frozenset[int] | None

    def write(self) -> str:
        """The form in which a broadcast keeps it."""
        ids = None if self.school_class_ids is None else sorted(self.school_class_ids)
        return json.dumps({"school_class_ids": ids})

    @classmethod
    def read(cls, text: str) -> "Audience":
        return cls(ids_in(text, "school_class_ids"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """What any sender is shown and, for urgent mail, types back. Addresses are counted once each."""

    children: int
    addresses: int
    by_carrier: dict[Carrier, int]
    by_site: dict[str, int]
    """As the queue groups them: carriers, and private domains each by itself."""
    routine_off: int = 0
    """Addresses that a routine mail leaves out because their guardian wants urgent mail only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo(Recipients):
    """The same of a school, with its classes."""

    school_name: str
    whole_school: bool
    classes: list[ClassCount]


def members(
    school_id: int, audience: Audience, *, urgent: bool = True, routine_off: bool = False
) -> tuple[str, tuple[object, ...]]:
    """FROM and WHERE over the registrations `r`, children `c` and addresses `a` that the rule means.

    A routine mail (`urgent` false) leaves out the addresses that have routine mail switched off;
    `routine_off` gives only those.
    """
    source = _MEMBERS
    if routine_off:
        source += " AND a.routine_off_at IS NOT NULL"
    elif not urgent:
        source += " AND a.routine_off_at IS NULL"
    if audience.school_class_ids is None:
        return source, (school_id,)
    ids = sorted(audience.school_class_ids) or [0]
    marks = ", ".join("?" for _ in ids)
    return f"{source} AND c.school_class_id IN ({marks})", (school_id, *ids)


def echo(school_id: int, audience: Audience, *, urgent: bool = True) -> Echo:
    """Counts of this moment, for an urgent or a routine mail."""
    source, parameters = members(school_id, audience, urgent=urgent)
    left_out, _ = members(school_id, audience, routine_off=True)
    with db.guarded():
        children = db.statement(f"SELECT COUNT(DISTINCT c.id) {source}", *parameters).fetchone()[0]
        by_site = db.statement(
            f"SELECT a.site, COUNT(DISTINCT a.id) {source} GROUP BY a.site",
            *parameters,
        ).fetchall()
        off = 0
        if not urgent:
            count = f"SELECT COUNT(DISTINCT a.id) {left_out}"
            off = db.statement(count, *parameters).fetchone()[0]
        classes = counts.by_class(school_id)
        name = School.get_by_id(school_id).name
    chosen = audience.school_class_ids
    return Echo(
        school_name=name,
        whole_school=chosen is None,
        classes=[row for row in classes if chosen is None or row.school_class_id in chosen],
        children=children,
        addresses=sum(number for _, number in by_site),
        by_site=dict(by_site),
        by_carrier=by_carrier(dict(by_site)),
        routine_off=off,
    )


def by_carrier(by_site: dict[str, int]) -> dict[Carrier, int]:
    """The addresses of each carrier, the largest first."""
    found: dict[Carrier, int] = {}
    for site, number in by_site.items():
        carrier = carrier_of_site(site)
        found[carrier] = found.get(carrier, 0) + number
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
