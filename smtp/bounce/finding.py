"""What `smtp.bounce.read` finds in a mail, per recipient.

Owns the shape of the answer. Refuses to judge. Cannot fail.
"""

from dataclasses import dataclass

from smtp.bounce.cause import Cause, Class


@dataclass(frozen=True, slots=True)
class Finding:
    """One recipient of whom a mail tells. `status` may be "" and `reply_code` 0: not said.

    `is_final`: this mail will not arrive there any more. `is_permanent`: nor will the next one. A full mailbox is
    final and not permanent; a delay notice is neither.
    """

    recipient: str
    status: str
    reply_code: int
    cause: Cause
    is_final: bool
    is_permanent: bool

    @property
    def class_(self) -> Class:
        return self.cause.class_
