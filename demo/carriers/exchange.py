"""One carrier at work: what its sessions share, and what it says about a mailbox.

Owns the decision whether a mailbox takes a mail, and counting. Refuses the protocol (`dialog`) and sockets.
Cannot fail.
"""

import random
import ssl
from dataclasses import dataclass, field
from typing import Protocol

from demo.carriers.brands import Brand, Filtering
from demo.carriers.census import Census
from demo.carriers.counts import Counts
from demo.carriers.door import Door
from demo.carriers.manners import Manners
from demo.people import Condition


class Residents(Protocol):
    """Who lives here: `demo.carriers.mailboxes` in a town, `Everybody` in a drill."""

    def is_phone(self, box: str) -> bool: ...

    def condition(self, box: str) -> Condition | None: ...

    def count(self, carrier: str, happened: str) -> None: ...

    def deposit(self, box: str, sender: str, content: bytes, *, encrypted: bool) -> None: ...

    def flush(self) -> None: ...


class Everybody:
    """Every mailbox exists and nobody reads; whose is in which condition is the census' to say."""

    def is_phone(self, _box: str) -> bool:
        return False

    def condition(self, _box: str) -> Condition | None:
        return Condition.FINE

    def count(self, carrier: str, happened: str) -> None:
        """`Counts` has it."""

    def deposit(self, box: str, sender: str, content: bytes, *, encrypted: bool) -> None:
        """Nobody has a phone."""

    def flush(self) -> None:
        """Nothing to write."""


class Session(Protocol):
    """What an exchange may do to its sessions."""

    def cut(self) -> None: ...


@dataclass(slots=True, eq=False)
class Exchange:
    """`census` None: only the residents' own conditions count."""

    brand: Brand
    residents: Residents
    door: Door
    census: Census | None = None
    tls: ssl.SSLContext | None = None
    counts: Counts = field(default_factory=Counts)
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    sessions: set[Session] = field(default_factory=set)

    @property
    def manners(self) -> Manners:
        return self.door.manners

    def latency_s(self) -> float:
        """From a read to its reply, this time."""
        return self.chance.uniform(*self.manners.latency_ms) / 1000

    def condition(self, box: str) -> Condition | None:
        """None: nobody ever had that mailbox."""
        found = self.residents.condition(box)
        if self.census is not None and found is Condition.FINE and not self.residents.is_phone(box):
            return self.census.condition(box, self.manners)
        return found

    def refusal(self, box: str, spelled: str) -> tuple[str, str] | None:
        """Why the mailbox takes nothing: (kind, the carrier's words), or None."""
        condition = self.condition(box)
        if condition is Condition.FULL:
            return "full", self.brand.full.format(address=spelled)
        if condition is None or condition is Condition.GONE:
            return "unknown", self.brand.unknown.format(address=spelled)
        if condition is Condition.FILTERED and self.brand.filtering is Filtering.LIKE_UNKNOWN:
            return "filtered", self.brand.unknown.format(address=spelled)
        return None

    def refuse(self, kind: str) -> None:
        """Counts a no."""
        self.counts.refuse(kind)
        self.residents.count(self.brand.carrier, "refused")

    def take(self, box: str, content: bytes) -> None:
        """Counts a yes, which may be the last that anybody hears of the mail."""
        dropped = self.condition(box) is Condition.FILTERED
        self.counts.take(box, content, dropped=dropped)
        self.residents.count(self.brand.carrier, "dropped" if dropped else "accepted")
