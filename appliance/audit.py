"""操作記録: who did what to what, when, from where, with what result (R27).

Owns the rows of `audit`. Appends inside the caller's transaction, so that an act and its record stand or
fall together. Refuses personal data: ids and closed words only. Fails as the database does; an act that
cannot be recorded does not happen.
"""

import json
from enum import StrEnum
from typing import Any

from appliance import clock
from appliance.actor import Actor
from appliance.models import Audit


class Act(StrEnum):
    """Everything that is recorded."""

    LOGIN = "login"
    LOGOUT = "logout"
    PASSWORD_CHANGED = "password.changed"
    ACCOUNT_ADDED = "account.added"
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


def record(
    actor: Actor,
    act: Act,
    object_kind: str,
    object_id: int | None,
    *,
    school_id: int | None = None,
    result: str = "ok",
    **detail: Any,
) -> None:
    """Appends one record. `detail` holds counts, ids and closed words."""
    Audit.create(
        at=clock.now(),
        account_id=actor.account_id,
        role=actor.role,
        zone=actor.zone,
        session_id=actor.session_id,
        network=actor.network,
        act=act,
        object_kind=object_kind,
        object_id=object_id,
        school_id=school_id,
        result=result,
        detail=json.dumps(detail, sort_keys=True),
    )
