"""Every state and every transition, in one table.

Owns what may follow what for a registration, a broadcast, a delivery, an account, a report and a device.
Refuses reasons and permissions. Fails with `WrongState`. The diagrams in `docs/flow.md` are generated from
here.
"""

from collections.abc import Mapping
from enum import StrEnum

from appliance.errors import WrongState


class RegistrationState(StrEnum):
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class BroadcastState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    FINISHED = "finished"
    STOPPED = "stopped"
    REFUSED = "refused"
    EXPIRED = "expired"


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    FAILED = "failed"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"


class DeviceState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    ACTIVE = "active"
    REFUSED = "refused"
    REVOKED = "revoked"


class AccountState(StrEnum):
    INVITED = "invited"  # approved by the ward, no password yet
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class ReportState(StrEnum):
    """届出: a person named to the ward, before and after the ward's word."""

    REPORTED = "reported"
    APPROVED = "approved"
    REFUSED = "refused"


_R, _B, _D = RegistrationState, BroadcastState, DeliveryState
_A, _P, _V = AccountState, ReportState, DeviceState

# One table per noun: members of different StrEnums with the same word are equal and would share a key.
TRANSITIONS: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    _R: {
        _R.REQUESTED: frozenset({_R.CONFIRMED, _R.EXPIRED, _R.WITHDRAWN}),
        _R.CONFIRMED: frozenset({_R.WITHDRAWN}),
        _R.WITHDRAWN: frozenset(),
        _R.EXPIRED: frozenset(),
    },
    _B: {
        _B.DRAFT: frozenset({_B.SUBMITTED, _B.EXPIRED}),
        _B.SUBMITTED: frozenset({_B.APPROVED, _B.REFUSED, _B.EXPIRED}),
        _B.APPROVED: frozenset({_B.SCHEDULED, _B.SENDING, _B.EXPIRED}),
        _B.SCHEDULED: frozenset({_B.SENDING, _B.STOPPED, _B.EXPIRED}),
        _B.SENDING: frozenset({_B.FINISHED, _B.STOPPED}),
        _B.REFUSED: frozenset({_B.DRAFT}),
        _B.FINISHED: frozenset({_B.SENDING}),
        _B.STOPPED: frozenset(),
        _B.EXPIRED: frozenset(),
    },
    _D: {
        _D.QUEUED: frozenset({_D.SENDING, _D.SUPPRESSED, _D.EXPIRED}),
        _D.SENDING: frozenset({_D.ACCEPTED, _D.DEFERRED, _D.FAILED, _D.QUEUED}),
        _D.DEFERRED: frozenset({_D.SENDING, _D.SUPPRESSED, _D.EXPIRED}),
        _D.ACCEPTED: frozenset({_D.BOUNCED}),
        _D.FAILED: frozenset(),
        _D.BOUNCED: frozenset(),
        _D.SUPPRESSED: frozenset(),
        _D.EXPIRED: frozenset({_D.QUEUED}),
    },
    _V: {
        _V.REQUESTED: frozenset({_V.APPROVED, _V.REFUSED, _V.REVOKED}),
        _V.APPROVED: frozenset({_V.ACTIVE, _V.REVOKED}),
        _V.ACTIVE: frozenset({_V.REVOKED}),
        _V.REFUSED: frozenset(),
        _V.REVOKED: frozenset(),
    },
    _A: {
        _A.INVITED: frozenset({_A.ACTIVE, _A.SUSPENDED, _A.ENDED}),
        _A.ACTIVE: frozenset({_A.SUSPENDED, _A.ENDED}),
        _A.SUSPENDED: frozenset({_A.ACTIVE, _A.INVITED, _A.ENDED}),
        _A.ENDED: frozenset({_A.INVITED}),
    },
    _P: {
        _P.REPORTED: frozenset({_P.APPROVED, _P.REFUSED}),
        _P.APPROVED: frozenset(),
        _P.REFUSED: frozenset(),
    },
}

DELIVERY_OPEN = (_D.QUEUED, _D.SENDING, _D.DEFERRED)
"""A broadcast is finished when none of its deliveries is in one of these."""


def check(before: StrEnum, after: StrEnum) -> None:
    """Raises `WrongState` unless `after` may follow `before`."""
    kind = type(before)
    if not isinstance(after, kind) or after not in TRANSITIONS[kind][before]:
        raise WrongState(f"{kind.__name__}: {after} does not follow {before}")


def sources(after: StrEnum) -> tuple[StrEnum, ...]:
    """The states from which `after` may be reached; for the WHERE of an UPDATE."""
    return tuple(before for before, targets in TRANSITIONS[type(after)].items() if after in targets)


def diagram(kind: type[StrEnum]) -> str:
    """The transitions of one noun as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    for before in kind:
        targets = sorted(TRANSITIONS[kind][before])
        lines += [f"    {before} --> {after}" for after in targets] or [f"    {before} --> [*]"]
    return "\n".join(lines) + "\n"
