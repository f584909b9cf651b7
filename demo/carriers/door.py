"""Who may come in, and how fast: a carrier's limits per network address of the sender.

Owns the accounting: sessions, rate, blocks, greylisting. Refuses sockets; callers pass monotonic seconds.
Questions answer with the refusal (a reply, or "reset"), or None. Cannot fail.
"""

from dataclasses import dataclass

from demo.carriers.manners import Manners


@dataclass(slots=True)
class _Visitor:
    sessions: int = 0
    tokens: float = 0.0
    filled_s: float = float("-inf")
    blocked_until_s: float = float("-inf")
    unknown: int = 0


class Door:
    """One carrier's."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self._visitors: dict[str, _Visitor] = {}
        self._first_seen_s: dict[tuple[str, str, str], float] = {}

    def forget(self) -> None:
        """Blocks and greylisting, not who is inside."""
        self._first_seen_s.clear()
        for visitor in self._visitors.values():
            visitor.blocked_until_s, visitor.unknown = float("-inf"), 0

    def enter(self, peer: str, now_s: float) -> tuple[str, str] | None:
        """Counts a session in. (kind, refusal) when it has to leave at once; `leave` is due all the same."""
        visitor = self._visitors.setdefault(peer, _Visitor())
        visitor.sessions += 1
        if now_s < visitor.blocked_until_s:
            return "blocked", self.manners.too_fast
        if visitor.sessions > self.manners.connections:
            return "too_many", self.manners.too_many
        return None

    def leave(self, peer: str) -> None:
        self._visitors[peer].sessions -= 1

    def message(self, peer: str, now_s: float) -> tuple[str, str] | None:
        """One more message wants in."""
        manners, visitor = self.manners, self._visitors[peer]
        if now_s < visitor.blocked_until_s:
            return "blocked", manners.too_fast
        if not manners.per_s:
            return None
        most = float(manners.burst or max(1.0, manners.per_s))
        visitor.tokens = min(most, visitor.tokens + (now_s - visitor.filled_s) * manners.per_s)
        visitor.filled_s = now_s
        if visitor.tokens < 1:
            self._block(visitor, now_s)
            return "too_fast", manners.too_fast
        visitor.tokens -= 1
        return None

    def unknown_user(self, peer: str, now_s: float) -> None:
        """Another recipient that does not exist: too many of them end in a block."""
        visitor = self._visitors[peer]
        visitor.unknown += 1
        if self.manners.unknown_limit and visitor.unknown >= self.manners.unknown_limit:
            visitor.unknown = 0
            self._block(visitor, now_s)

    def greylists(self, peer: str, sender: str, recipient: str, now_s: float) -> bool:
        """Whether this triple is new, or still too young."""
        if not self.manners.greylist_s:
            return False
        first_s = self._first_seen_s.setdefault((peer, sender, recipient), now_s)
        return now_s - first_s < self.manners.greylist_s

    def _block(self, visitor: _Visitor, now_s: float) -> None:
        visitor.blocked_until_s = now_s + self.manners.block_s
