"""What is wrong with the appliance itself (障害): noticed by each node's watch, told to operators by mail.

Owns the table of faults: one row for each name, node and area, from when to when, and when a letter spoke of
it. Every node's watch notices the same fault; the row is one. A letter goes once for a fault, once more when
it is over, and again each day while it lasts. Refuses to judge what is a fault (Prometheus does, by the
rules of the role monitoring) and the words of the letter (the mail zone writes them). Fails as the database
does: then alerts leave by the other way only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance import address, db
from appliance.config import Config
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.keys import Keyring
from appliance.keystore import WARD
from appliance.models import Fault
from appliance.models.fields import micros, moment
from appliance.registration.request import address_row

AGAIN = timedelta(days=1)
"""A fault that lasts is told again."""
_UNSEEN = timedelta(minutes=5)
"""A fault that no node's watch has seen for so long is over."""
_KEPT = timedelta(days=30)
_LIFE = timedelta(days=1)
_SHORT = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """One fault as a node's watch sees it. `severity` is warning or broken; nothing personal is in it."""

    name: str
    node: str
    area: str
    severity: str
    what: str
    todo: str


def notice(faults: Iterable[Seen], now: datetime) -> None:
    """Writes down what is wrong at this moment, and ends what nobody sees any more.

    Of one fault that is seen as a warning and as broken, the worse counts; what grows worse is told again.
    """
    mildest_first = sorted(faults, key=lambda fault: fault.severity, reverse=True)
    worst = {(fault.name, fault.node, fault.area): fault for fault in mildest_first}
    with db.transaction():
        for _, each in sorted(worst.items()):  # all nodes in one order: no deadlock
            db.statement(
                _NOTICE, each.name, each.node, each.area, each.severity, each.what[:_SHORT],
                each.todo[:_SHORT], micros(now), micros(now),
            )  # fmt: skip
        over = Fault.ended_at.is_null() & (Fault.seen_at < now - _UNSEEN)
        Fault.update(ended_at=now).where(over).execute()
        Fault.delete().where(Fault.ended_at < now - _KEPT).execute()


_NOTICE = """
    INSERT INTO fault (name, node, area, severity, what, todo, began_at, seen_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name, node, area) DO UPDATE SET
        severity = excluded.severity, what = excluded.what, todo = excluded.todo, seen_at = excluded.seen_at,
        began_at = CASE WHEN fault.ended_at IS NULL THEN fault.began_at ELSE excluded.began_at END,
        told_at = CASE WHEN fault.ended_at IS NULL
            AND NOT (fault.severity = 'warning' AND excluded.severity = 'broken') THEN fault.told_at END,
        ended_at = NULL
"""


def tell(config: Config, keyring: Keyring, now: datetime) -> int:
    """Queues one letter for all that is new, over, or lasting; of how many faults it speaks.

    Whichever mail worker comes first: the others find nothing left. Raises `DatabaseUnavailable`.
    """
    if config.faults.mail_to is None:
        return 0
    untold = (
        Fault.told_at.is_null()
        | (Fault.ended_at.is_null() & (Fault.told_at < now - AGAIN))
        | (Fault.ended_at.is_null(False) & (Fault.told_at < Fault.ended_at))
    )
    with db.guarded():
        if not Fault.select().where(untold).exists():
            return 0
    with db.transaction():
        count = int(Fault.update(told_at=now).where(untold).execute())
        if count:
            to = address_row(keyring, WARD, address.parse(config.faults.mail_to), now)
            letters.queue(LetterKind.FAULT, to, now=now, life=_LIFE, about=str(micros(now)))
    return count


def told(about: str) -> list[Fault]:
    """The faults of which the letter with this `about` speaks: those that last first, the worst first."""
    with db.guarded():
        found = list(Fault.select().where(Fault.told_at == moment(int(about))))
    return sorted(
        found, key=lambda row: (row.ended_at is not None, row.severity, row.node, row.name, row.area)
    )
