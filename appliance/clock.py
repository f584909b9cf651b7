"""What time it is: aware UTC for the record, monotonic for waiting.

Owns the two ways to ask; everything that stores or compares a time asks here, so that tests freeze one
place. Refuses to know time zones of people: pages convert. Cannot fail.
"""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds on a clock that never goes back; for leases held in memory and for durations."""
    return time.monotonic()
