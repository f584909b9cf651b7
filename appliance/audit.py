"""操作記録: who did what to what, when, from where, why, with what result (R27).

Owns the rows of `audit`. Appends inside the caller's transaction, so that an act and its record stand or
fall together. Refuses personal data: ids and closed words only. Fails as the database does; an act that
cannot be recorded does not happen. What makes the rows evidence is `appliance.record`. What touches
somebody's way in is also noted for that person, who is told by mail (`appliance.notice`).
"""

import json
from enum import StrEnum
from typing import Any

from appliance import clock, db
from appliance.actor import CONSOLE, Actor, Role
from appliance.config import Zone
from appliance.models import Audit, Notice


class Act(StrEnum):
    """Everything that is recorded."""

    LOGIN = "login"
    LOGOUT = "logout"
    LOGIN_BEGUN = "login.begun"  # password right, second step to come
    SESSION_ENDED = "session.ended"  # one's own, from another one
    CONFIRMED = "session.confirmed"  # proved anew who is there, before a weighty act
    FACTOR_REFUSED = "factor.refused"  # at the second step, or when proving anew
    FACTOR_ADDED = "factor.added"
    FACTOR_NAMED = "factor.named"
    FACTOR_REMOVED = "factor.removed"
    FACTORS_RESET = "factors.reset"  # by a ward officer, because they were lost
    RECOVERY_CODES_MADE = "recovery_codes.made"
    RECOVERY_CODE_USED = "recovery_code.used"
    DEVICE_REQUESTED = "device.requested"
    DEVICE_APPROVED = "device.approved"
    DEVICE_REFUSED = "device.refused"
    DEVICE_CODE_MADE = "device.code_made"
    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_REVOKED = "device.revoked"
    DEVICE_RENEWAL_ASKED = "device.renewal_asked"  # to keep it for another school year
    DEVICE_RENEWED = "device.renewed"
    DEVICE_RENEWAL_REFUSED = "device.renewal_refused"
    PASSWORD_CHANGED = "password.changed"
    NOTICES_ASKED = "notices.asked"  # where to send an empty mail, so that notices come back
    NOTICES_SET = "notices.set"  # that mail has come
    NOTICES_ENDED = "notices.ended"
    ACCOUNT_ADDED = "account.added"
    ACCOUNT_LOGGED_OUT = "account.logged_out"  # everywhere, by somebody else
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_RESUMED = "account.resumed"
    ACCOUNT_MOVED = "account.moved"
    ACCOUNT_ENDED = "account.ended"  # at one school, or everywhere
    PERSON_REPORTED = "person.reported"
    PERSON_APPROVED = "person.approved"
    PERSON_REFUSED = "person.refused"
    INVITATION_ISSUED = "invitation.issued"
    INVITATION_USED = "invitation.used"
    REGISTER_PRINTED = "register.printed"
    TRAINING_ACKNOWLEDGED = "training.acknowledged"
    REGISTRANTS_REQUESTED = "registrants.requested"  # an operator, for a stated reason
    REGISTRATIONS_LISTED = "registrations.listed"  # opens names and addresses
    REGISTRATION_OPENED = "registration.opened"
    REGISTRATION_CORRECTED = "registration.corrected"
    CHILD_MOVED = "child.moved"
    REGISTRATION_REMOVED = "registration.removed"
    CODE_RENEWED = "code.renewed"
    HANDOUT_PRINTED = "handout.printed"
    CLASS_ADDED = "class.added"
    CLASS_RETIRED = "class.retired"
    BROADCAST_DRAFTED = "broadcast.drafted"
    BROADCAST_REVISED = "broadcast.revised"
    BROADCAST_SUBMITTED = "broadcast.submitted"
    BROADCAST_APPROVED = "broadcast.approved"
    BROADCAST_REFUSED = "broadcast.refused"
    BROADCAST_SENT = "broadcast.sent"
    BROADCAST_SENT_LATE = "broadcast.sent_late"
    BROADCAST_STOPPED = "broadcast.stopped"
    TESTS_SWITCHED = "school.tests_switched"  # the monthly test broadcast, on or off
    ADDRESS_VOUCHED = "address.vouched"  # the school knows whose it is
    CALL_SHEET_OPENED = "call_sheet.opened"  # opens names
    EVIDENCE_OPENED = "evidence.opened"  # opens names and addresses
    RECORDS_READ = "records.read"
    RECORDS_EXPORTED = "records.exported"
    RECORDS_EXPIRED = "records.expired"  # their time is over; `object_id` is the first position that stays
    RECORD_EXAMINED = "record.examined"  # one that says a wrong time; `object_id` is its position
    COSIGNATURES_DISCARDED = "cosignatures.discarded"  # that are none, of a checkpoint of `object_id` records
    LOGIN_REFUSED = "login.refused"
    REFUSED = "refused"  # what somebody may not, or is not there for him
    # by the vendor at a node's command line, where there is no account
    RIGHTS_GIVEN = "rights.given"  # the zones' and keepers' rights in the database
    SECRETS_CREATED = "secrets.created"
    SECRETS_EXCHANGED = "secrets.exchanged"  # all zones' keys, and all that was sealed by them
    SIGNING_KEYS_MADE = "signing_keys.made"
    SIGNING_KEYS_ACTIVATED = "signing_keys.activated"
    SIGNING_KEYS_RETIRED = "signing_keys.retired"
    CODE_PAUSED = "code.paused"
    CODE_RESUMED = "code.resumed"


TOLD = (
    Act.PASSWORD_CHANGED, Act.INVITATION_ISSUED, Act.INVITATION_USED,
    Act.FACTOR_ADDED, Act.FACTOR_REMOVED, Act.FACTORS_RESET,
    Act.RECOVERY_CODES_MADE, Act.RECOVERY_CODE_USED, Act.DEVICE_ENROLLED,
)  # fmt: skip
"""What is told to the person whose login it is about (ASVS 5.0 6.3.5, 6.3.7)."""
TOO_OFTEN = "login.throttled"
NEW_BROWSER = "login.new_browser"
SECOND_FAILED = "login.second_failed"
DEVICE_GONE = "device.revoked"
TOLD_BESIDES = (TOO_OFTEN, NEW_BROWSER, SECOND_FAILED, DEVICE_GONE)
"""Told as well, by `tell`: so many wrong passwords for this login id that the next has to wait; a right one
from a browser where the account was never used; a right one without the second factor; a device of one's own
that is none any more."""
_DONE_BY_ANOTHER = (Act.INVITATION_ISSUED, Act.FACTORS_RESET)


def record(
    actor: Actor,
    act: Act,
    object_kind: str,
    object_id: int | None,
    *,
    school_id: int | None = None,
    result: str = "ok",
    reason: str = "",
    **detail: Any,
) -> None:
    """Appends one record. `detail` holds counts, ids and closed words.

    `reason` is what a person gave where one is asked: the number of an inquiry, a word of a list; no names.
    """
    at_console = actor == CONSOLE
    Audit.create(
        at=clock.now(),
        account_id=None if at_console else actor.account_id,
        role=Role.OPERATOR if at_console else actor.role,
        zone="cli" if at_console else actor.zone,
        session_id=actor.session_id,
        device_id=actor.device_id,
        network=actor.network,
        act=act,
        object_kind=object_kind,
        object_id=object_id,
        school_id=school_id,
        reason=reason,
        result=result,
        detail=json.dumps(detail, sort_keys=True),
    )
    if act in TOLD:
        tell(object_id if act in _DONE_BY_ANOTHER else actor.account_id, act)


def tell(account_id: int | None, what: str) -> None:
    """Notes what an account's person is to be told, in the caller's transaction. None: nobody has it."""
    Notice.create(account=account_id, what=what, at=clock.now())


def record_operation(
    act: Act, object_kind: str, object_id: int | None, *, school_id: int | None = None, **detail: Any
) -> None:
    """Appends one record of the vendor at a node's command line, who has no account there (R19)."""
    Audit.create(
        at=clock.now(), account_id=None, role=Role.OPERATOR, zone="cli", network=CONSOLE.network, act=act,
        object_kind=object_kind, object_id=object_id, school_id=school_id, result="ok",
        detail=json.dumps(detail, sort_keys=True),
    )  # fmt: skip


def record_refusal(actor: Actor, view: str, object_id: int | None, result: str) -> None:
    """Appends that an actor was refused something, in a transaction of its own."""
    with db.transaction():
        record(actor, Act.REFUSED, view, object_id, result=result)


def record_refused_login(
    zone: Zone, network: str, device_id: int | None, account: tuple[int, str] | None, result: str
) -> None:
    """Appends a login that was refused, in the caller's transaction. `account`: id and role, if it exists."""
    Audit.create(
        at=clock.now(), account_id=account[0] if account else None, role=account[1] if account else "",
        zone=zone, network=network, device_id=device_id, act=Act.LOGIN_REFUSED, object_kind="account",
        object_id=account[0] if account else None, result=result,
    )  # fmt: skip
