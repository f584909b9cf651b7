"""Who has a mailbox in a drill, and in which condition: decided by a keyed hash, or by the name.

Owns the rule. Because seed, address and shares say it all, a test counts in advance what will be refused.
Refuses to remember anything. Cannot fail.

A local part that begins with `unknown`, `filtered` or `full` is in that condition, and one that begins with
`fine` is not, whatever the shares say; a digit, a dot or a dash may follow (`full12@…`, `fine.yamada@…`).
"""

import hashlib
import hmac
import re

from demo.carriers.manners import Manners
from demo.people import Condition

_BY_NAME = {
    "unknown": Condition.GONE,
    "filtered": Condition.FILTERED,
    "full": Condition.FULL,
    "fine": Condition.FINE,
}
_NAMED = re.compile(rf"({'|'.join(_BY_NAME)})(?![a-z])")


class Census:
    """The mailboxes of everybody under one seed."""

    def __init__(self, seed: str) -> None:
        self._key = hashlib.sha256(seed.encode()).digest()

    def condition(self, box: str, manners: Manners) -> Condition:
        """Of a mailbox (`Brand.box`) at a carrier with these shares."""
        named = _NAMED.match(box)
        if named:
            return _BY_NAME[named[1]]
        if not manners.unknown + manners.filtered + manners.full:
            return Condition.FINE
        draw = self.draw(box)
        if draw < manners.unknown:
            return Condition.GONE
        if draw < manners.unknown + manners.filtered:
            return Condition.FILTERED
        if draw < manners.unknown + manners.filtered + manners.full:
            return Condition.FULL
        return Condition.FINE

    def draw(self, box: str) -> float:
        """The mailbox's lot, from 0 up to 1."""
        digest = hmac.digest(self._key, box.encode(), "sha256")
        return int.from_bytes(digest[:7], "big") / 2**56
