"""What one attempt came to, in words that the domain understands.

Owns the vocabulary between the mail zone and the queue. Refuses to know replies: `smtp.verdict` decides
what a reply means, and only there. Cannot fail.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What the queue does next."""

    ACCEPTED = "accepted"  # the receiver's 250: it took the mail, nothing more is known
    DEFERRED = "deferred"  # try again later
    FAILED = "failed"  # the receiver refused for good


class Reason(StrEnum):
    """Why, in the words that pages translate; never the receiver's text, which may name people."""

    NONE = ""
    UNKNOWN_USER = "unknown_user"
    UNKNOWN_OR_FILTERED = "unknown_or_filtered"  # docomo and au say the same for both
    UNKNOWN_DOMAIN = "unknown_domain"
    MOVED = "moved"
    SUSPENDED = "suspended"
    MAILBOX_FULL = "mailbox_full"
    REFUSED = "refused"
    TOO_FAST = "too_fast"
    TOO_LARGE = "too_large"
    ADDRESS_SYNTAX = "address_syntax"
    NO_ROUTE = "no_route"
    NETWORK = "network"
    RESET = "reset"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    INSECURE = "insecure"  # the receiver's own policy forbids what it offered: DANE, MTA-STS
    TROUBLE = "trouble"
    INTERNAL = "internal"

    @classmethod
    def kept(cls, text: str) -> "Reason":
        """Of a row; a word that is none of ours is a fault of ours."""
        return cls(text) if text in _REASONS else cls.INTERNAL


_REASONS = frozenset(Reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt.

    `code` is the SMTP reply code or 0 where none came; `enhanced` the RFC 3463 code or "".
    `uncertain` says that the receiver may have taken the mail although no 250 arrived.
    `throttled` says that the receiver asked for less.
    """

    kind: Kind
    code: int = 0
    enhanced: str = ""
    reason: Reason = Reason.NONE
    uncertain: bool = False
    throttled: bool = False
