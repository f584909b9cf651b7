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
    ASK_AGAIN = "ask_again"  # the short form was not understood; `about` says what of it
    NOT_ENCRYPTED = "not_encrypted"  # the form came in the clear and was not used
    LINK_EXPIRED = "link_expired"
    WITHDRAW = "withdraw"  # 登録解除: really?
    WITHDRAWN = "withdrawn"  # the last letter
    CHANGE = "change"  # to a new address: may it take the old one's place?
    CHANGE_HOW = "change_how"
    CHANGED = "changed"  # to the new address
    MOVED_AWAY = "moved_away"  # to the old one; the last letter
    LANGUAGE = "language"
    HELP = "help"
    INQUIRY_KEPT = "inquiry_kept"
    PROVE = "prove"  # is this address still the guardian's?
    CHECKPOINT = "checkpoint"  # to the ward: the operation record's; `about` is its size
    FAULT = "fault"  # to the operators: what is wrong with the appliance; `about` is when it was told
    OWN_LOGIN = "own_login"  # to a member of staff: what happened to the own login; `about` lists it
    PASSWORD_DUE = "password_due"  # to a member of staff; `about` is the last day
    NOTICES_SET = "notices_set"  # to a member of staff: notices come here from now on
    NOTICES_LEFT = "notices_left"  # they do not any more; the last letter


TO_STAFF = (
    LetterKind.OWN_LOGIN, LetterKind.PASSWORD_DUE, LetterKind.NOTICES_SET, LetterKind.NOTICES_LEFT,
)  # fmt: skip
"""About one's own login. Nobody reads answers to them, and an answer must not seem to have been heard."""


def queue(
    kind: LetterKind,
    address: Address,
    *,
    now: datetime,
    life: timedelta,
    registration_id: int | None = None,
    about: str = "",
) -> None:
    """Puts one letter into the queue, in the caller's transaction. `about`: closed words only."""
    Delivery.create(
        kind=kind,
        school_id=address.school_id,
        registration=registration_id,
        address=address.id,
        about=about,
        site=address.site,
        lane=LETTER_LANE,
        state=DeliveryState.QUEUED,
        next_at=now,
        expires_at=now + life,
        created_at=now,
    )
