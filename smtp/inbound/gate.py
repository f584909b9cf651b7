"""The gate: who may come in, and how much one session may cost us.

Owns all counting of sessions, arrivals, commands, errors and seconds. Pure: no clock and no socket, the
caller says what time it is (seconds on a clock that never goes back). Counts are per worker process; a node
with two workers lets in twice as much. "May I?" is answered with the reply that says no, or None. Cannot
fail.
"""

from collections import Counter, OrderedDict
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
    arrivals_per_network_per_minute: int = 600
    greet_pause_s: float = 0.0
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
            arrivals_per_network_per_minute=mail.max_connections_per_network_per_minute,
            greet_pause_s=mail.greet_pause_s,
            session_s=mail.session_limit_s,
            recipients=mail.max_recipients,
            size_bytes=mail.max_size_bytes,
        )


BALANCER = "balancer"
"""Where a session is counted until the balancer has said for whom it speaks; bound only by the total."""
_MINUTE_S = 60.0
_NETWORKS_REMEMBERED = 4096
_ARRIVALS_REMEMBERED = 50_000  # networks in one minute; beyond it a newcomer is bound only by the total


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
    """Counts sessions, in all and per network, and each network's arrivals in a minute."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sessions = 0
        self._per_network: Counter[str] = Counter()
        self._arrivals: Counter[str] = Counter()
        self._minute_began = 0.0
        self._proven: OrderedDict[str, None] = OrderedDict()

    @property
    def sessions(self) -> int:
        return self._sessions

    def enter(self, network: str, now: float) -> Reply | None:
        """Counts one session in. Returns the refusal, in which case no session was counted."""
        if self._sessions >= self.limits.sessions:
            return replies.TOO_MANY_SESSIONS
        refusal = self._refusal(network, now)
        if refusal is None:
            self._sessions += 1
            self._per_network[network] += 1
        return refusal

    def move(self, network: str, now: float) -> Reply | None:
        """The balancer has named the network. After a refusal the session still counts under `BALANCER`."""
        refusal = self._refusal(network, now)
        if refusal is None:
            self._discount(BALANCER)
            self._per_network[network] += 1
        return refusal

    def leave(self, network: str) -> None:
        """Counts one session out; exactly once per `enter` that was granted."""
        self._sessions -= 1
        self._discount(network)

    def prove(self, network: str) -> None:
        """A mail from there was taken: its next session is greeted at once."""
        self._proven[network] = None
        self._proven.move_to_end(network)
        if len(self._proven) > _NETWORKS_REMEMBERED:
            self._proven.popitem(last=False)

    def pause_s(self, network: str) -> float:
        """How long a stranger is let wait for the greeting; who delivers in earnest is let in at once."""
        return 0.0 if network in self._proven else self.limits.greet_pause_s

    def _refusal(self, network: str, now: float) -> Reply | None:
        if network == BALANCER:
            return None
        if self._arrived(network, now) > self.limits.arrivals_per_network_per_minute:
            return replies.TOO_MANY_ARRIVALS
        if self._per_network[network] >= self.limits.sessions_per_network:
            return replies.TOO_MANY_FROM_NETWORK
        return None

    def _arrived(self, network: str, now: float) -> int:
        """Counts an arrival, refused or not, and returns how many there were in this minute."""
        if now >= self._minute_began + _MINUTE_S:
            self._minute_began = now
            self._arrivals.clear()
        if network not in self._arrivals and len(self._arrivals) >= _ARRIVALS_REMEMBERED:
            return 0
        self._arrivals[network] += 1
        return self._arrivals[network]

    def _discount(self, network: str) -> None:
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
