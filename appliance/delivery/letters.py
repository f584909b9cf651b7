"""Letters: the mails that are not broadcasts.

Owns their kinds and how one is queued. Refuses their words: the mail zone writes them. Fails as the
database does.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from appliance.models import Address, Delivery
from appliance.states import DeliveryState

LETTER_LANE = 1
"""Between urgent (0) and routine (2): a guardian is waiting in front of the phone."""


class LetterKind(StrEnum):
    REPLY = "reply"  # the link
    WELCOME = "welcome"  # registered
    NEWCOMER = "newcomer"  # another address was registered for your child
    UNKNOWN_CODE = "unknown_code"
    RETIRED_CODE = "retired_code"
    CLOSED_SCHOOL = "closed_school"


def queue(
    kind: LetterKind, address: Address, *, now: datetime, life: timedelta, registration_id: int | None = None
) -> None:
    """Puts one letter into the queue, in the caller's transaction."""
    Delivery.create(
        kind=kind,
        school_id=address.school_id,
        registration=registration_id,
        address=address.id,
        site=address.site,
        lane=LETTER_LANE,
        state=DeliveryState.QUEUED,
        next_at=now,
        expires_at=now + life,
        created_at=now,
    )
