"""When to try, and when to try again.

Owns the schedule: minutes for urgent mail and letters, longer for routine, with jitter so that a site that
deferred thousands is not hit by all of them at one moment; and the minutes around the full hour, in which
carriers are busy and routine mail keeps out of the way. Refuses to give up: expiry does that. Cannot fail.
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


def first_at(*, urgent: bool, quiet_minutes: int, now: datetime) -> tuple[datetime, timedelta]:
    """When the first attempts of a broadcast begin, and over how long they are spread.

    Urgent mail at once. Routine mail, too, but for `quiet_minutes` before and after the full hour: then it
    begins after them, spread over twice as long, so that no new peak takes the place of the old one.
    """
    quiet = timedelta(minutes=quiet_minutes)
    hour = (now + quiet).replace(minute=0, second=0, microsecond=0)
    if urgent or not hour - quiet <= now < hour + quiet:
        return now, timedelta(0)
    return hour + quiet, 2 * quiet
