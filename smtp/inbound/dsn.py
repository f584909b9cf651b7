"""What a delivery status notification says: failed for good, or not (RFC 3464).

Owns reading the machine's part of a DSN, nothing else of it: the signed return path says *who* it is
about, the DSN only *why*. Only the standard form is understood; a bounce in a carrier's own words
yields None, and is on record as received. Refuses to look at the returned mail. Linear, never fails.
"""

import re
from dataclasses import dataclass

from smtp.inbound.guards import HeaderTooLarge, header_fields

READ_OCTETS = 64 * 1024
_FAILED = re.compile(rb"^action[ \t]*:[ \t]*failed\b", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(rb"^status[ \t]*:[ \t]*(5\.[0-9]{1,3}\.[0-9]{1,3})\b", re.IGNORECASE | re.MULTILINE)
_REPLY = re.compile(
    rb"^diagnostic-code[ \t]*:[ \t]*smtp[ \t]*;\s{0,8}(5[0-9]{2})\b", re.IGNORECASE | re.MULTILINE
)
_PART = re.compile(
    rb"^content-type[ \t]*:[ \t]*message/(?:global-)?delivery-status\b", re.IGNORECASE | re.MULTILINE
)
_RETURNED = re.compile(
    rb"^content-type[ \t]*:[ \t]*(?:message/rfc822|text/rfc822-headers)\b", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A permanent failure. `code` is the receiver's SMTP reply or 0 where the DSN does not repeat it."""

    code: int
    enhanced: str


def read(content: bytes) -> Failure | None:
    """The permanent failure that a DSN reports; None for a delay, a success, or anything else."""
    if not _is_report(content):
        return None
    part = _PART.search(content)
    if part is None:
        return None
    returned = _RETURNED.search(content, part.end())
    status_part = content[part.end() : returned.start() if returned else len(content)][:READ_OCTETS]
    status = _STATUS.search(status_part)
    if _FAILED.search(status_part) is None or status is None:
        return None
    reply = _REPLY.search(status_part)
    return Failure(int(reply[1]) if reply else 0, status[1].decode("ascii"))


def _is_report(content: bytes) -> bool:
    try:
        return any(
            name == b"content-type" and value.lower().startswith(b"multipart/report")
            for name, value in header_fields(content)
        )
    except HeaderTooLarge:
        return False
