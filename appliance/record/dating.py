"""Whether records say a time that fits to the checkpoints around them, and who has looked where they don't.

Owns two things: whether a record was dated back behind a checkpoint that was signed without it, or ahead of
the one that it was sealed under; and the word of a person who has looked (0152, 0160), which counts for
places before its own and no others. Refuses to believe any clock but those of signed checkpoints. Fails as
the database does. `docs/verify_audit.py` asks the same, and must find the same.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from appliance import audit, db
from appliance.errors import OperatorError
from appliance.models import Audit, AuditLeaf
from appliance.models.fields import micros
from appliance.record import seal, tree
from appliance.record.note import Checkpoint

APART = timedelta(hours=1)
"""Clocks agree better than that, and between an act and its commit lies less."""

Wrong = Literal["backdated", "ahead"]


@dataclass(frozen=True, slots=True)
class Examined:
    """Somebody has looked at these places, in a record that stands at `place` itself."""

    first: int
    last: int
    place: int


class Dating:
    """Goes along the places, from the first to the last."""

    def __init__(self, signed: Sequence[Checkpoint], examined: Sequence[Examined]) -> None:
        self._signed, self._examined = signed, examined
        self._next = 0
        self._since: int | None = None
        self._length = 0

    def wrong(self, position: int, at: int, length: int) -> Wrong | None:
        """What is wrong with the time of the record at this place, which is a line so long."""
        self._length += length
        while self._next < len(self._signed) and self._signed[self._next].size <= position:
            self._next += 1
        if self._since is not None and at < self._since:
            return "backdated"
        if self._next < len(self._signed) and at > micros(self._signed[self._next].at + APART):
            return "ahead"
        return None

    def signed(self, checkpoint: Checkpoint, good: int) -> None:
        """This checkpoint is passed, and the one before it was of `good` records."""
        full = checkpoint.size - good >= seal.ROUND_ROWS or self._length >= seal.ROUND_CHARACTERS
        if not full:  # else older ones were still waiting then
            self._since = micros(checkpoint.at - APART)
        self._length = 0

    def looked_at(self, position: int) -> bool:
        """Whether somebody has looked at this place, after it was sealed."""
        return any(each.first <= position <= each.last < each.place for each in self._examined)


def examine(first: int, last: int) -> None:
    """An operator has looked at records that say a wrong time: from then on `verify` only counts them.

    Raises `OperatorError` for a place at which nobody can have looked.
    """
    if last < first:
        raise OperatorError(f"place {last} is before place {first}: give the first, then the last")
    with db.transaction():
        if last >= (size := tree.size()):
            raise OperatorError(
                f"place {last} is not sealed yet: nobody can have looked at it. {_there(size)}"
            )
        more = {} if last == first else {"to": last}
        audit.record_operation(audit.Act.RECORD_EXAMINED, "position", first, **more)


def examined() -> list[Examined]:
    """What is sealed of it. Only the vendor's command writes this, as it alone announces deletions."""
    said = (
        Audit.select(Audit.object_id, Audit.detail, AuditLeaf.position)
        .join(AuditLeaf, on=AuditLeaf.audit_id == Audit.id)
        .where(Audit.act == audit.Act.RECORD_EXAMINED, Audit.zone == "cli", Audit.object_id.is_null(False))
    )
    return [Examined(first, _last(first, detail), place) for first, detail, place in said.tuples()]


def _last(first: int, detail: str) -> int:
    try:
        kept: Any = json.loads(detail)
    except (ValueError, RecursionError):
        return first
    to = kept.get("to") if isinstance(kept, dict) else None
    return to if type(to) is int else first


def _there(size: int) -> str:
    return f"The last place is {size - 1}." if size else "Nothing is sealed yet."
