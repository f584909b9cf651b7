"""The gate: who may come in, and how much one session may cost us.

Owns all counting of sessions, commands, errors and seconds. Pure: no clock and no socket, the caller says
what time it is (seconds on a clock that never goes back). Counts are per worker process; a node with two
workers lets in twice as much. "May I?" is answered with the reply that says no, or None. Cannot fail.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from appliance.config.schema import Mail
from smtp.inbound import replies
from smtp.inbound.replies import Reply


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker grants. Times in seconds."""

    sessions: int = 1500
    sessions_per_network: int = 60
    session_s: float = 600.0
    idle_s: float = 300.0  # RFC 5321 4.5.3.2.7 asks for five minutes at least
    commands: int = 1000
    idle_commands: int = 30  # NOOP, RSET, VRFY, HELP, EHLO: they move nothing forward
    errors: int = 20
    recipients: int = 10
    size_bytes: int = 2_000_000

    @classmethod
    def of(cls, mail: Mail) -> "Limits":
        """As configured."""
        return cls(
            sessions=mail.max_sessions,
            sessions_per_network=mail.max_sessions_per_network,
            session_s=mail.session_limit_s,
            recipients=mail.max_recipients,
            size_bytes=mail.max_size_bytes,
        )


@lru_cache(maxsize=4096)
def network_of(host: str, *, ipv4_bits: int = 24, ipv6_bits: int = 48) -> str:
    """The network that a peer is counted under: its IPv4 /24 or IPv6 /48.

    A carrier's outbound machines share such a network, hence the roomy default of `sessions_per_network`.
    An IPv4 address mapped into IPv6 counts as IPv4; what is no address counts for itself.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    bits = ipv4_bits if isinstance(address, IPv4Address) else ipv6_bits
    return f"{int(address) >> (address.max_prefixlen - bits):x}/{bits}v{address.version}"


class Gate:
    """Counts sessions, in all and per network."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sessions = 0
        self._per_network: Counter[str] = Counter()

    @property
    def sessions(self) -> int:
        return self._sessions

    def enter(self, network: str) -> Reply | None:
        """Counts one session in. Returns the refusal, in which case nothing was counted."""
        if self._sessions >= self.limits.sessions:
            return replies.TOO_MANY_SESSIONS
        if self._per_network[network] >= self.limits.sessions_per_network:
            return replies.TOO_MANY_FROM_NETWORK
        self._sessions += 1
        self._per_network[network] += 1
        return None

    def leave(self, network: str) -> None:
        """Counts one session out; exactly once per `enter` that was granted."""
        self._sessions -= 1
        self._per_network[network] -= 1
        if self._per_network[network] <= 0:
            del self._per_network[network]


class Allowance:
    """What one session has used up. Bytes on the move push the idle end back, never the session's end."""

    __slots__ = ("_commands", "_errors", "_idle_commands", "_limits", "_opened", "_touched", "committing")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._opened = self._touched = now
        self._commands = self._idle_commands = self._errors = 0
        self.committing = False  # a mail is on its way into the database; that wait has its own deadline

    def moved(self, now: float) -> None:
        """Bytes came in."""
        self._touched = now

    def command(self, *, idle: bool) -> Reply | None:
        """Counts a command; `idle` is one that moves no mail forward."""
        self._commands += 1
        self._idle_commands += idle
        if self._commands > self._limits.commands or self._idle_commands > self._limits.idle_commands:
            return replies.TOO_MANY_COMMANDS
        return None

    def refused(self) -> Reply | None:
        """Counts a command that was answered with 5xx."""
        self._errors += 1
        return replies.TOO_MANY_ERRORS if self._errors > self._limits.errors else None

    def forwarded(self) -> None:
        """A mail went through: whoever delivers in earnest may go on greeting and resetting in between."""
        self._idle_commands = 0

    def due(self) -> float:
        """When `overdue` may change its answer, if nothing moves until then."""
        return min(self._opened + self._limits.session_s, self._touched + self._limits.idle_s)

    def overdue(self, now: float) -> Reply | None:
        """Why the session has to end now, or None."""
        if self.committing:
            return None
        if now >= self._opened + self._limits.session_s:
            return replies.SESSION_TOO_LONG
        if now >= self._touched + self._limits.idle_s:
            return replies.IDLE_TOO_LONG
        return None
