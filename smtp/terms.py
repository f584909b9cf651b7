"""The words between the relay, which decides what is sent, and the courier, which carries it.

Owns `Message`, `Source`, `Target`, `CourierSettings`, `Ended` and `Unreachable`. Refuses to do anything.
Cannot fail.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from appliance.address import Carrier
from appliance.config.schema import AUTHORITIES, Relay
from appliance.delivery.outcome import Outcome
from smtp.transport.policy import OPPORTUNISTIC, Failure, Policy


class Message(NamedTuple):
    """One letter to one recipient, rendered and signed.

    `sender` (the return path) and `recipient` are wire forms without brackets. `content` has CR LF lines
    and is not dot-stuffed.
    """

    delivery_id: int
    sender: bytes
    recipient: bytes
    content: bytes


class Source(Protocol):
    """Where a courier gets its letters and leaves the outcomes. Plain calls: none may block or be awaited."""

    def take(self) -> Message | None:
        """The next letter for this site, or None when there is none now."""

    def committing(self, message: Message) -> None:
        """The body is about to be written: from here on a lost connection leaves the outcome uncertain."""

    def settle(self, message: Message, outcome: Outcome) -> None:
        """The end of this letter's attempt; called exactly once for each letter taken."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address to connect to. `host` is the MX's name; `carrier` shapes how its replies are read.

    `policy` is what a session with it must satisfy before anything is sent.
    """

    host: str
    ip: str
    port: int = 25
    carrier: Carrier = Carrier.OTHER
    policy: Policy = OPPORTUNISTIC


@dataclass(frozen=True, slots=True)
class CourierSettings:
    """How a courier behaves. The waits are shorter than RFC 5321 4.5.3.2 asks of a patient queue.

    A letter about a typhoon is better tried at the next MX than held ten minutes at this one; only the
    reply to the final dot gets long, because giving up there may cause a double.
    """

    hostname: str
    messages_per_connection: int = 50
    starttls: bool = True
    """False: only where the target's policy demands it."""
    ca_file: Path = AUTHORITIES
    source_address: str = ""
    source_address_ipv6: str = ""
    connect_timeout_s: float = 20.0
    reply_timeout_s: float = 60.0  # banner, EHLO, STARTTLS and its handshake, MAIL, RCPT, DATA
    dot_timeout_s: float = 180.0
    quit_timeout_s: float = 2.0
    linger_s: float = 0.0  # how long a dry connection waits for `Courier.wake` before QUIT

    @classmethod
    def from_config(cls, hostname: str, relay: Relay, messages_per_connection: int = 50) -> "CourierSettings":
        """The settings of the configuration, for one receiving site."""
        return cls(
            hostname=hostname,
            messages_per_connection=messages_per_connection,
            starttls=relay.starttls,
            ca_file=relay.ca_file,
            source_address=relay.source_address,
            source_address_ipv6=relay.source_address_ipv6,
            connect_timeout_s=relay.connect_timeout_s,
            reply_timeout_s=relay.reply_timeout_s,
            dot_timeout_s=relay.dot_timeout_s,
        )


class End(StrEnum):
    """Why a connection ended."""

    DRY = "dry"  # the source had nothing more
    LIMIT = "limit"  # messages per connection
    TURNED_AWAY = "turned_away"  # 421, at any time
    SLOWED = "slowed"  # a reply that asks for less; we left by ourselves
    SENDER_REFUSED = "sender_refused"  # MAIL was refused: the next one would be, too
    LOST = "lost"  # closed or reset by the receiver or the network
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"  # malformed or unsolicited reply
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a connection came to. `throttled`: the receiver asked for less, in words or by TCP reset.

    `reset` tells the second, which counts towards a suspension of the site (`smtp.shaping`).
    """

    why: End
    accepted: int = 0
    refused: int = 0  # settled as deferred or failed
    throttled: bool = False
    reset: bool = False


class Unreachable(Exception):
    """No session with this target; nothing was taken. `outcome` is what it means for a delivery.

    `failure` says that it was TLS: where nothing is demanded it may be tried again without (RFC 7435 3).
    """

    def __init__(self, outcome: Outcome, *, failure: Failure | None = None) -> None:
        super().__init__(outcome.reason.value)
        self.outcome = outcome
        self.failure = failure
