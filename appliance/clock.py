"""What time it is: aware UTC for the record, monotonic for waiting.

Owns the two ways to ask; everything that stores or compares a time asks here, so that tests freeze one
place. Workers of several nodes go by one clock, the database's: each follows it by the difference that it
measured (`appliance.db.align_clock`). Refuses to know time zones of people: pages convert. Cannot fail.
"""

import time
from datetime import UTC, datetime, timedelta

_behind = timedelta(0)


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC) + _behind


def follow(behind: timedelta) -> None:
    """From now on this process tells a time that is `behind` later than its machine's clock."""
    global _behind
    _behind = behind


def monotonic() -> float:
    """Seconds on a clock that never goes back; for leases held in memory and for durations."""
    return time.monotonic()
