"""What a page showed of a broadcast, and a second tab could have changed meanwhile.

Owns which columns that is, their fingerprint for a form, and the condition that they are still the same.
Refuses to know pages. Cannot fail.
"""

import hashlib
from typing import Any

from appliance.models import Broadcast

_CONTENT = (
    Broadcast.urgent, Broadcast.category, Broadcast.subject, Broadcast.body, Broadcast.audience,
)  # fmt: skip


def fingerprint(broadcast: Broadcast) -> str:
    """Travels in the form, so that what is decided is what was read."""
    content = "\x1f".join(str(getattr(broadcast, field.name)) for field in _CONTENT)
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def unchanged(broadcast: Broadcast) -> list[Any]:
    """For WHERE: the row still holds what this object was read with."""
    return [field == getattr(broadcast, field.name) for field in _CONTENT]
