"""Why a mail did not arrive, in the closed words of bounces, and what each means for a school.

Owns the vocabulary that `karamail bounce explain` prints, its five classes, which causes are permanent, and
under which word of `appliance.delivery.Reason` a cause is stored. Refuses to read anything:
`smtp.bounce.judge` decides which cause it is. Cannot fail.
"""

from enum import StrEnum

from appliance.delivery import Reason


class Class(StrEnum):
    """What a school is to think of it."""

    GONE = "gone"
    FULL = "full"
    REFUSED = "refused"
    TROUBLE = "trouble"
    NONE = "none"  # not a bounce


class Cause(StrEnum):
    """The reasons that mail people agree on; the spelling is the one of the public samples."""

    USER_UNKNOWN = "userunknown"
    HOST_UNKNOWN = "hostunknown"
    HAS_MOVED = "hasmoved"
    SUSPENDED = "suspend"
    MAILBOX_FULL = "mailboxfull"
    EXCEEDS_LIMIT = "exceedlimit"  # larger than this mailbox takes
    TOO_BIG = "mesgtoobig"  # larger than this server takes
    FILTERED = "filtered"  # by the recipient's own filter, or nobody there: the same words for both
    REJECTED = "rejected"  # for who the sender is
    BLOCKED = "blocked"  # for where it comes from
    SPAM = "spamdetected"
    POLICY = "policyviolation"
    AUTH_FAILURE = "authfailure"
    NOT_COMPLIANT = "notcompliantrfc"
    REQUIRES_PTR = "requireptr"
    BAD_REPUTATION = "badreputation"
    CONTENT = "contenterror"
    VIRUS = "virusdetected"
    SECURITY = "securityerror"
    NO_RELAYING = "norelaying"
    FAILED_TLS = "failedstarttls"
    TOO_FAST = "speeding"
    SYNTAX = "syntaxerror"
    EXPIRED = "expired"
    NETWORK = "networkerror"
    TOO_MANY_CONNECTIONS = "toomanyconn"
    SYSTEM = "systemerror"
    SYSTEM_FULL = "systemfull"
    NOT_ACCEPTING = "notaccept"
    MAILER = "mailererror"
    UNDECIDED = "undefined"
    FEEDBACK = "feedback"
    VACATION = "vacation"
    DELIVERED = "delivered"

    @property
    def class_(self) -> Class:
        """Of the five, the one it falls under."""
        return _CLASSES.get(self, Class.REFUSED)

    @property
    def reason(self) -> Reason:
        """The word under which a delivery keeps it."""
        return _REASONS.get(self, Reason.REFUSED if self.class_ is Class.REFUSED else Reason.TROUBLE)

    def is_permanent(self, *, temporary: bool) -> bool:
        """The address will not take the next mail either. `temporary`: the report itself says 4xx or 4.x.x.

        A full mailbox, a filter and a suspended account can change; an unknown user does not.
        """
        return self in _LASTING or self is Cause.NOT_ACCEPTING and not temporary


_LASTING = frozenset({Cause.USER_UNKNOWN, Cause.HOST_UNKNOWN, Cause.HAS_MOVED})

_CLASSES = {
    Cause.USER_UNKNOWN: Class.GONE,
    Cause.HOST_UNKNOWN: Class.GONE,
    Cause.HAS_MOVED: Class.GONE,
    Cause.SUSPENDED: Class.GONE,
    Cause.MAILBOX_FULL: Class.FULL,
    Cause.EXCEEDS_LIMIT: Class.FULL,
    Cause.TOO_BIG: Class.FULL,
    Cause.EXPIRED: Class.TROUBLE,
    Cause.NETWORK: Class.TROUBLE,
    Cause.TOO_MANY_CONNECTIONS: Class.TROUBLE,
    Cause.SYSTEM: Class.TROUBLE,
    Cause.SYSTEM_FULL: Class.TROUBLE,
    Cause.NOT_ACCEPTING: Class.TROUBLE,
    Cause.MAILER: Class.TROUBLE,
    Cause.UNDECIDED: Class.TROUBLE,
    Cause.FEEDBACK: Class.NONE,
    Cause.VACATION: Class.NONE,
    Cause.DELIVERED: Class.NONE,
}

_REASONS = {
    Cause.USER_UNKNOWN: Reason.UNKNOWN_USER,
    Cause.HOST_UNKNOWN: Reason.UNKNOWN_DOMAIN,
    Cause.HAS_MOVED: Reason.MOVED,
    Cause.SUSPENDED: Reason.SUSPENDED,
    Cause.MAILBOX_FULL: Reason.MAILBOX_FULL,
    Cause.EXCEEDS_LIMIT: Reason.TOO_LARGE,
    Cause.TOO_BIG: Reason.TOO_LARGE,
    Cause.FILTERED: Reason.UNKNOWN_OR_FILTERED,
    Cause.TOO_FAST: Reason.TOO_FAST,
    Cause.TOO_MANY_CONNECTIONS: Reason.TOO_FAST,
    Cause.SYNTAX: Reason.PROTOCOL,
    Cause.NETWORK: Reason.NETWORK,
    Cause.EXPIRED: Reason.TIMEOUT,
}
