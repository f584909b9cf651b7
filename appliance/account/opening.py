"""An operator opens a school's registrants on request: for a reason, in one session, for half an hour (R12).

Owns the reasons, which are a closed list, and the reference of the inquiry. Refuses free text: the operation
record holds no personal data. Fails with `NotAllowed`, `TextInvalid`. `access.may_open_names` asks for it.
"""

import re
from datetime import datetime, timedelta
from enum import StrEnum

from appliance import access, audit, db
from appliance.actor import Actor
from appliance.errors import NotAllowed, TextInvalid
from appliance.models import Opening

LASTS = timedelta(minutes=30)
_REFERENCE = re.compile(
    r"(?:[A-Za-z]{1,2}-?)?(?:[1-9][0-9]{0,3}(?:-[0-9]{1,3})?)?"  # 「2026-114」「K-87」
    r"|(?:[A-Za-z]{1,2}-?)?20[2-9][0-9]-[0-9]{4}|[Rr][1-9][0-9]?-[0-9]{4}"  # 「2026-0123」「R8-1145」
)
"""Too few letters for a name, too few digits for a telephone number. Four digits at the end, as all telephone
numbers have them, go with a year only: 「3456-7890」 and 「456-7890」 are telephone numbers without an area
code."""


class Reason(StrEnum):
    """Who asked for it."""

    GUARDIAN = "guardian"  # 保護者からの問合せ
    SCHOOL = "school"
    WARD = "ward"
    FAULT = "fault"  # 障害の調査


def request(actor: Actor, school_id: int, reason: Reason, reference: str, now: datetime) -> None:
    """From now on this session may open the school's registrants, for `LASTS`.

    `reference` is the number of the inquiry or of the ward's letter, or empty. Raises `NotAllowed`,
    `TextInvalid("reference", "characters")`.
    """
    refusal = access.may_request_names(actor)
    if refusal is not None or actor.session_id is None:
        raise NotAllowed(refusal or "not_with_this_role")
    reference = reference.strip()
    if not _REFERENCE.fullmatch(reference):
        raise TextInvalid("reference", "characters")
    with db.transaction():
        made = Opening.create(
            account=actor.account_id, school=school_id, session_id=actor.session_id, reason=reason,
            reference=reference, opened_at=now, ends_at=now + LASTS,
        )  # fmt: skip
        audit.record(
            actor, audit.Act.REGISTRANTS_REQUESTED, "opening", made.id, school_id=school_id,
            reason=reason, reference=reference,
        )  # fmt: skip
