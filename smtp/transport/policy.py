"""What is demanded of a session with one host before a letter goes over it.

Owns the levels, the kinds of policy and the words for what went wrong (RFC 8460 4.2, 4.3). Refuses to decide
which policy applies (`smtp.transport.policies`) and to look at certificates (`smtp.transport.judge`). Cannot
fail.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from smtp.transport.tlsa import Record


class Kind(StrEnum):
    """Where a policy comes from; the policy types of RFC 8460."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


class Failure(StrEnum):
    """The result types of RFC 8460 4.3, those that we can tell."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    HOST_MISMATCH = "certificate-host-mismatch"
    EXPIRED = "certificate-expired"
    NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION = "validation-failure"
    DNSSEC_INVALID = "dnssec-invalid"
    STS_FETCH = "sts-policy-fetch-error"
    STS_INVALID = "sts-policy-invalid"
    STS_WEBPKI = "sts-webpki-invalid"


class Level(IntEnum):
    """How much is demanded, from little to much."""

    OPPORTUNISTIC = 0  # encrypted if possible, nothing checked (RFC 7435)
    OBSERVED = 1  # checked and counted, goes all the same (MTA-STS testing)
    ENCRYPTED = 2  # never in the clear, nothing checked (only unusable TLSA records, RFC 7672 2.2)
    AUTHENTICATED = 3  # never in the clear, never to a host that is not proved to be the one


@dataclass(frozen=True, slots=True)
class Policy:
    """For one host. `text` is the policy as reports quote it (RFC 8460 4.2)."""

    kind: Kind = Kind.NONE
    level: Level = Level.OPPORTUNISTIC
    tlsa: tuple[Record, ...] = ()
    names: tuple[str, ...] = ()
    """Whom the certificate may name: the host, for DANE-TA also what it is an alias of, and the domain."""
    listed: bool = True
    """False: the host is not among those of a policy in testing."""
    text: tuple[str, ...] = ()
    mx_patterns: tuple[str, ...] = ()

    @property
    def demands_tls(self) -> bool:
        """Better not at all than in the clear."""
        return self.level >= Level.ENCRYPTED


OPPORTUNISTIC = Policy()
