"""What `smtp.bounce.read` finds in a mail, per recipient.

Owns the shape of the answer. Refuses to judge. Cannot fail.
"""

from dataclasses import dataclass

from appliance import address
from appliance.address import Carrier
from appliance.delivery import Reason
from appliance.errors import AddressInvalid
from smtp import verdict
from smtp.bounce.cause import Cause, Class


@dataclass(frozen=True, slots=True)
class Finding:
    """One recipient of whom a mail tells. `status` may be "" and `reply_code` 0: not said.

    `is_final`: this mail will not arrive there any more. `is_permanent`: nor will the next one. A full
    mailbox is final and not permanent; a delay notice is neither.
    """

    recipient: str
    status: str
    reply_code: int
    cause: Cause
    is_final: bool
    is_permanent: bool

    @property
    def reason(self) -> Reason:
        """The word under which a delivery keeps it: docomo and au call a filter "user unknown"."""
        reason = self.cause.reason
        if reason is Reason.UNKNOWN_USER and self._carrier in verdict.SAME_WORDS_FOR_FILTERS:
            return Reason.UNKNOWN_OR_FILTERED
        return reason

    @property
    def _carrier(self) -> Carrier:
        try:
            return address.parse(self.recipient).carrier
        except AddressInvalid:
            return Carrier.OTHER

    @property
    def class_(self) -> Class:
        return self.cause.class_
