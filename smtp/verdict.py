"""What a receiver's reply, or its silence, means for a delivery.

Owns the decision between permanent and temporary: it is made here and nowhere else, and so is what counts
as a wish for less mail. Refuses to read the text of a reply, which is prose and may name people. Cannot fail:
what no table knows is temporary trouble.

Three rules stand above the tables. A refusal before RCPT is about us, so it is never the end of a delivery.
A 4xx never is. And a carrier that gives one answer for "no such user" and "filtered" gets an honest
`unknown_or_filtered` (field of docomo and au), because pages tell guardians different things to do.
"""

from enum import StrEnum

from appliance.address import Carrier
from appliance.delivery.outcome import Kind, Outcome, Reason
from smtp.reply import Reply


class Stage(StrEnum):
    """What the reply answers."""

    BANNER = "banner"
    HELLO = "hello"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Loss(StrEnum):
    """How a connection went away."""

    UNREACHABLE = "unreachable"  # no TCP connection
    CLOSED = "closed"
    RESET = "reset"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    TLS = "tls"
    CANCELLED = "cancelled"  # we stop; also a fault of our own


SAME_WORDS_FOR_FILTERS = frozenset({Carrier.DOCOMO, Carrier.AU})
_SAY_USER_AT_THE_DOT = SAME_WORDS_FOR_FILTERS | {Carrier.SOFTBANK}  # their 550 there is not about the content

# Enhanced codes without their class (RFC 3463, the IANA registry; the long ones by Microsoft and Google).
_BY_SUBJECT = {
    "1.0": Reason.UNKNOWN_USER,
    "1.1": Reason.UNKNOWN_USER,
    "1.2": Reason.UNKNOWN_USER,
    "1.3": Reason.ADDRESS_SYNTAX,
    "1.6": Reason.UNKNOWN_USER,
    "1.7": Reason.TROUBLE,  # our return path, not the guardian's address
    "1.8": Reason.TROUBLE,
    "1.10": Reason.UNKNOWN_USER,
    "2.0": Reason.REFUSED,
    "2.1": Reason.UNKNOWN_USER,  # mailbox disabled
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_LARGE,
    "3.1": Reason.TROUBLE,
    "3.2": Reason.TROUBLE,
    "3.4": Reason.TOO_LARGE,
    "4.5": Reason.TOO_FAST,
    "4.6": Reason.TROUBLE,  # a routing loop on their side
    "5.3": Reason.TROUBLE,
    "7.28": Reason.TOO_FAST,
    "7.500": Reason.TOO_FAST,
    "7.501": Reason.TOO_FAST,
    "7.502": Reason.TOO_FAST,
    "7.650": Reason.TOO_FAST,
    "7.700": Reason.TOO_FAST,
    "7.750": Reason.TOO_FAST,
}

_PERMANENT_BY_CODE = {
    500: Reason.PROTOCOL,
    501: Reason.ADDRESS_SYNTAX,
    502: Reason.PROTOCOL,
    503: Reason.PROTOCOL,
    504: Reason.PROTOCOL,
    521: Reason.REFUSED,
    550: Reason.UNKNOWN_USER,
    551: Reason.UNKNOWN_USER,
    552: Reason.MAILBOX_FULL,
    553: Reason.ADDRESS_SYNTAX,
    554: Reason.REFUSED,
    555: Reason.PROTOCOL,
    556: Reason.UNKNOWN_USER,
}
_TEMPORARY_BY_CODE = {
    421: Reason.TOO_FAST,
    450: Reason.TROUBLE,
    451: Reason.TROUBLE,
    452: Reason.MAILBOX_FULL,
    454: Reason.TROUBLE,
    455: Reason.PROTOCOL,
}
_BY_LOSS = {
    Loss.UNREACHABLE: Reason.NETWORK,
    Loss.CLOSED: Reason.NETWORK,
    Loss.RESET: Reason.RESET,
    Loss.TIMEOUT: Reason.TIMEOUT,
    Loss.PROTOCOL: Reason.PROTOCOL,
    Loss.TLS: Reason.PROTOCOL,
    Loss.CANCELLED: Reason.INTERNAL,
}
_SAYS_MORE = frozenset({Reason.TOO_FAST, Reason.TOO_LARGE, Reason.PROTOCOL})


def of_reply(stage: Stage, reply: Reply, carrier: Carrier = Carrier.OTHER) -> Outcome:
    """The outcome of a delivery whose `stage` was answered with `reply`.

    A positive reply is an outcome at the final dot only; elsewhere the courier goes on and does not ask.
    """
    if stage is Stage.DOT and reply.is_positive:
        return Outcome(Kind.ACCEPTED, reply.code, reply.enhanced)
    reason = _reason(stage, reply, carrier)
    return Outcome(
        kind=Kind.FAILED if _is_final(stage, reply, reason) else Kind.DEFERRED,
        code=reply.code,
        enhanced=reply.enhanced,
        reason=reason,
        throttled=reply.code == 421 or reason is Reason.TOO_FAST,
    )


def of_loss(loss: Loss, *, committed: bool, throttled: bool = False) -> Outcome:
    """The outcome of a delivery in flight when the connection went away.

    `committed` says that its body had been handed to the transport: the receiver may have it.
    """
    return Outcome(Kind.DEFERRED, reason=_BY_LOSS[loss], uncertain=committed, throttled=throttled)


def is_throttle(loss: Loss, carrier: Carrier, accepted: int) -> bool:
    """Whether a loss is a wish for less mail: a TCP reset before anything was accepted, and any of au's."""
    return loss is Loss.RESET and (accepted == 0 or carrier is Carrier.AU)


def of_insecure() -> Outcome:
    """The outcome where the receiver's DANE or MTA-STS policy forbids to send: tried again, never bounced."""
    return Outcome(Kind.DEFERRED, 0, "4.7.5", Reason.INSECURE)


def of_no_route(*, permanent: bool, enhanced: str) -> Outcome:
    """The outcome where `smtp.route` found no way."""
    return Outcome(Kind.FAILED if permanent else Kind.DEFERRED, 0, enhanced, Reason.NO_ROUTE)


def unsendable(reason: Reason) -> Outcome:
    """The outcome of a message that must not be put on the wire: a fault of ours, or of an address."""
    return Outcome(Kind.FAILED, 0, "", reason)


def _is_final(stage: Stage, reply: Reply, reason: Reason) -> bool:
    if not reply.is_permanent or stage not in (Stage.RCPT, Stage.DATA, Stage.DOT):
        return False
    return reason not in (Reason.TROUBLE, Reason.TOO_FAST, Reason.PROTOCOL)


def _reason(stage: Stage, reply: Reply, carrier: Carrier) -> Reason:
    reason = _by_subject(reply) or _by_code(stage, reply.code, carrier)
    if stage in (Stage.BANNER, Stage.HELLO, Stage.MAIL) and reason not in _SAYS_MORE:
        return Reason.REFUSED if reply.is_permanent else Reason.TROUBLE
    if reason is Reason.UNKNOWN_USER:
        if not reply.is_permanent:
            return Reason.TROUBLE  # 450 4.1.1, 450 4.2.1: greylisting and busy mailboxes, nobody is gone
        if carrier in SAME_WORDS_FOR_FILTERS:
            return Reason.UNKNOWN_OR_FILTERED
    return reason


def _by_subject(reply: Reply) -> Reason | None:
    subject = reply.enhanced[2:]
    reason = _BY_SUBJECT.get(subject)
    if reason is None and subject.startswith("7.") and reply.is_permanent:
        return Reason.REFUSED
    return reason


def _by_code(stage: Stage, code: int, carrier: Carrier) -> Reason:
    if code < 500:
        return _TEMPORARY_BY_CODE.get(code, Reason.TROUBLE)
    if stage in (Stage.DATA, Stage.DOT) and code in (550, 551, 553):
        # The recipient was taken; now it is the content, but for those who look the user up late.
        late = code == 550 and carrier in _SAY_USER_AT_THE_DOT
        return Reason.UNKNOWN_USER if late else Reason.REFUSED
    if stage is not Stage.RCPT and code == 501:
        return Reason.PROTOCOL
    return _PERMANENT_BY_CODE.get(code, Reason.TROUBLE)
