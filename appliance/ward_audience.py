"""配信対象 of the ward: the guardians of all schools, or of some; each guardian once.

Owns the rule's form, its count and the SQL that finds the guardians. Each school knows an address by a row of
its own; one guardian is one `address_index`, which is the same at all of them. A routine mail leaves out
whoever stopped routine mail at any of these schools: the link that stops it knows one row, and must stop what
it came with. Refuses names and addresses. Cannot fail but as the database does.
"""

import json
from dataclasses import dataclass

from appliance import db
from appliance.audience import Recipients, by_carrier, ids_in

_MEMBERS = """
    FROM registration AS r
    JOIN child AS c ON c.id = r.child_id
    JOIN address AS a ON a.id = r.address_id
    JOIN school AS s ON s.id = r.school_id
    WHERE r.state = 'confirmed' AND s.state = 'open'
"""
_STOPPED = """
    EXISTS (SELECT 1 FROM address AS o
            WHERE o.address_index = a.address_index AND o.routine_off_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class WardAudience:
    """`school_ids` None is every open school."""

    school_ids: frozenset[int] | None

    def write(self) -> str:
        """The form in which a broadcast keeps it."""
        return json.dumps({"school_ids": None if self.school_ids is None else sorted(self.school_ids)})

    @classmethod
    def read(cls, text: str) -> "WardAudience":
        return cls(ids_in(text, "school_ids"))


@dataclass(frozen=True, slots=True)
class Share:
    """One school's part. Whoever has children at two schools is counted at both."""

    school_id: int
    children: int
    addresses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WardEcho(Recipients):
    """What the officer is shown: with `addresses` counted once in the ward, the schools' shares by id."""

    every_school: bool
    schools: list[Share]

    @property
    def shared(self) -> int:
        """By how many the shares together are more than the mails that go."""
        return sum(share.addresses for share in self.schools) - self.addresses


def members(
    audience: WardAudience, *, urgent: bool = True, routine_off: bool = False
) -> tuple[str, tuple[object, ...]]:
    """FROM and WHERE over the registrations `r`, children `c` and addresses `a` that the rule means."""
    source = _MEMBERS
    if routine_off:
        source += f" AND {_STOPPED}"
    elif not urgent:
        source += f" AND NOT {_STOPPED}"
    if audience.school_ids is None:
        return source, ()
    return f"{source} AND r.school_id IN ({db.listed(sorted(audience.school_ids) or [0])})", ()


def echo(audience: WardAudience, *, urgent: bool = True) -> WardEcho:
    """Counts of this moment, for an urgent or a routine mail."""
    source, parameters = members(audience, urgent=urgent)
    left_out, _ = members(audience, routine_off=True)
    with db.guarded():
        shares = db.statement(
            f"""
            SELECT r.school_id, COUNT(DISTINCT c.id), COUNT(DISTINCT a.address_index) {source}
            GROUP BY r.school_id ORDER BY r.school_id
            """,
            *parameters,
        ).fetchall()
        by_site = dict(
            db.statement(
                f"""
                SELECT site, COUNT(*) FROM (
                    SELECT a.address_index, MIN(a.site) AS site {source} GROUP BY a.address_index
                ) AS each_one GROUP BY site
                """,  # noqa: S608  (constants only)
                *parameters,
            ).fetchall()
        )
        off = 0
        if not urgent:
            count = f"SELECT COUNT(DISTINCT a.address_index) {left_out}"
            off = db.statement(count, *parameters).fetchone()[0]
    return WardEcho(
        children=sum(share[1] for share in shares),
        addresses=sum(by_site.values()),
        by_site=by_site,
        by_carrier=by_carrier(by_site),
        routine_off=off,
        every_school=audience.school_ids is None,
        schools=[Share(*share) for share in shares],
    )
