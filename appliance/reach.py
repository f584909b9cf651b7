"""到達: of each child that a broadcast is about, whether it came to anybody at home.

Owns the count per child and the call sheet (電話連絡票): the children of whom no address has accepted the
mail, for the telephone. Best is a guardian's own answer (確認), next the receiver's 250. Counting opens
nothing; the sheet opens names and is recorded in the same transaction (R27). A child is judged by the
addresses it has now, as far as they were in the audience: who registered later, or left, is not in it. An
address in doubt (`appliance.doubt`) reaches nobody, whatever it accepted or answered since the doubt.
Refuses the words delivered and read: 受理 is all that is known of a mail. Raises `NotYours` and `NotAllowed`
for the sheet as `appliance.directory.registrants` does.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from appliance import access, audit, db, recipients
from appliance.actor import Actor
from appliance.delivery.outcome import Reason
from appliance.directory import registrants
from appliance.errors import NotAllowed
from appliance.keys import Keyring
from appliance.models import Broadcast
from appliance.states import DELIVERY_OPEN, DeliveryState

_DOUBTFUL = "m.doubted_at <= COALESCE(d.settled_at, d.created_at)"
_MEMBER = "SELECT c.id AS child_id, a.id AS address_id, a.address_index, r.doubted_at"
_SENT = """
    JOIN address AS b ON b.address_index = m.address_index
    JOIN delivery AS d ON d.broadcast_id = ? AND d.address_id = b.id
"""
"""What went to each of them: the ward's mail goes through one of the schools that know the guardian."""
_OPEN = ", ".join(f"'{state}'" for state in DELIVERY_OPEN)


@dataclass(frozen=True, slots=True)
class Reach:
    """Children by the best that happened to any of their addresses; each is counted once.

    `confirmed`: a guardian has answered this mail. `accepted`: a receiver took it, nobody has answered.
    """

    confirmed: int
    accepted: int
    waiting: int
    none: int

    @property
    def children(self) -> int:
        return self.reached + self.waiting + self.none

    @property
    def reached(self) -> int:
        """With at least one accepted mail or an answer."""
        return self.confirmed + self.accepted


@dataclass(frozen=True, slots=True)
class Contact:
    """One guardian of a child that was not reached, and what became of the mail."""

    guardian_name: str = field(repr=False)
    state: DeliveryState
    reason: Reason
    doubtful: bool
    """The address may be somebody else's by now, whatever became of the mail."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """A line of the call sheet."""

    child_id: int
    grade: str
    label: str
    child_name: str = field(repr=False)
    contacts: list[Contact]


def count(broadcast: Broadcast, of: Collection[int] | None = None) -> Reach:
    """One query, whatever the size of the audience. `of`: the children of these schools only."""
    source, parameters = _audience(broadcast, of)
    with db.guarded():
        rows = db.statement(
            f"""
            SELECT best, COUNT(*) FROM (
                SELECT MAX(CASE WHEN {_DOUBTFUL} THEN 0
                                WHEN k.delivery_id IS NOT NULL THEN 3 WHEN d.state = 'accepted' THEN 2
                                WHEN d.state IN ({_OPEN}) THEN 1 ELSE 0 END) AS best
                FROM ({_MEMBER} {source}) AS m
                {_SENT}
                LEFT JOIN confirmation AS k ON k.delivery_id = d.id
                GROUP BY m.child_id
            ) AS children GROUP BY best
            """,  # noqa: S608  (constants only)
            *parameters,
            broadcast.id,
        ).fetchall()
    by_best = dict(rows)
    confirmed, accepted, waiting, none = (by_best.get(best, 0) for best in (3, 2, 1, 0))
    return Reach(confirmed, accepted, waiting, none)


def call_sheet(
    actor: Actor, keyring: Keyring, broadcast: Broadcast, school_id: int | None = None
) -> list[Unreached]:
    """The children of whom no address has accepted the mail, by class; also those that still wait.

    `school_id` says of which school, where the ward has sent the mail.
    """
    school_id = school_id if broadcast.school_id is None else broadcast.school_id
    if school_id is None:
        raise NotAllowed("not_with_this_role")
    access.school(actor, school_id)
    reason = access.may_open_names(actor, school_id)
    if reason is not None:
        raise NotAllowed(reason)
    with db.transaction():
        states = _unaccepted(broadcast, school_id)
        rows = registrants.of_children(keyring, school_id, states.keys())
        audit.record(
            actor, audit.Act.CALL_SHEET_OPENED, "broadcast", broadcast.id,
            school_id=school_id, children=len(states), opened=len(rows),
            **access.why(actor, school_id),
        )  # fmt: skip
    sheet: dict[int, Unreached] = {}
    for row in rows:
        line = sheet.setdefault(
            row.child_id, Unreached(row.child_id, row.grade, row.label, row.child_name, [])
        )
        ended = states[row.child_id].get(row.address_id)
        if ended is not None:
            line.contacts.append(Contact(row.guardian_name, *ended))
    return list(sheet.values())


def _unaccepted(
    broadcast: Broadcast, school_id: int
) -> dict[int, dict[int, tuple[DeliveryState, Reason, bool]]]:
    """By child, of those without an accepted mail: what became of the mail to each of its addresses."""
    source, parameters = _audience(broadcast, (school_id,))
    rows = db.statement(
        f"""
        SELECT child_id, address_id, state, reason, doubtful FROM (
            SELECT m.child_id, m.address_id, d.state, d.reason,
                   CASE WHEN {_DOUBTFUL} THEN 1 ELSE 0 END AS doubtful,
                   MAX(CASE WHEN {_DOUBTFUL} THEN 0
                            WHEN d.state = 'accepted' OR k.delivery_id IS NOT NULL THEN 1 ELSE 0 END)
                   OVER (PARTITION BY m.child_id) AS reached
            FROM ({_MEMBER} {source}) AS m
            {_SENT}
            LEFT JOIN confirmation AS k ON k.delivery_id = d.id
        ) AS each_one WHERE reached = 0
        """,  # noqa: S608  (constants only)
        *parameters,
        broadcast.id,
    ).fetchall()
    found: dict[int, dict[int, tuple[DeliveryState, Reason, bool]]] = defaultdict(dict)
    for child_id, address_id, state, reason, doubtful in rows:
        found[child_id][address_id] = (DeliveryState(state), Reason.kept(reason), bool(doubtful))
    return found


def _audience(broadcast: Broadcast, of: Collection[int] | None) -> tuple[str, tuple[object, ...]]:
    """Whoever switched routine mail off since then still got this one; its delivery says so."""
    return recipients.members(broadcast, urgent=True, of=of)
