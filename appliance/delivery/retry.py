"""When to try again.

Owns the schedule: minutes for urgent mail and letters, longer for routine, with jitter so that a site that
deferred thousands is not hit by all of them at one moment. Refuses to give up: expiry does that. Cannot fail.
"""

import random
from datetime import datetime, timedelta

_URGENT_MINUTES = (1, 2, 3, 5, 8, 12, 15)
_ROUTINE_MINUTES = (3, 8, 15, 30, 60, 120, 240)
_SLOTS = 16  # retries of one group fall on so few moments that they are written with few statements
_THROTTLED_AT_LEAST = timedelta(minutes=2)


def next_at(lane: int, attempts: int, *, throttled: bool, now: datetime) -> datetime:
    """The moment of the next attempt after `attempts` (1 or more) have been made."""
    minutes = _ROUTINE_MINUTES if lane == 2 else _URGENT_MINUTES
    base = timedelta(minutes=minutes[min(attempts, len(minutes)) - 1])
    if throttled:
        base = max(base, _THROTTLED_AT_LEAST)
    slot = random.randrange(_SLOTS)  # noqa: S311  (jitter, not a secret)
    return now + base + base * slot / (2 * _SLOTS)
