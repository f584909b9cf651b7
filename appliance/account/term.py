"""School terms and school years, in the ward's time zone (R16, R33).

Owns when a password is due: each term asks for a new one. A change in the notice days before a term counts
for it; in the grace days after its beginning the old one is enough. Refuses to know accounts. Cannot fail:
the days were checked when the configuration was loaded.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appliance.config import Config

_APRIL = 4


@dataclass(frozen=True, slots=True)
class Due:
    """A password is to change. From `deadline_at` on nothing else opens before."""

    deadline_at: datetime
    overdue: bool


def school_year(config: Config, now: datetime) -> int:
    """年度: the year in whose April it began."""
    today = now.astimezone(ZoneInfo(config.ward.timezone)).date()
    return today.year if today.month >= _APRIL else today.year - 1


def password_due(config: Config, changed_at: datetime, now: datetime) -> Due | None:
    """Whether a password that was set at `changed_at` is to change by now, or None."""
    notice = timedelta(days=config.account.password_notice_days)
    grace = timedelta(days=config.account.password_grace_days)
    begun, coming = _terms_around(config, now)
    if changed_at < begun - notice:
        return Due(begun + grace, now >= begun + grace)
    if changed_at < coming - notice <= now:
        return Due(coming + grace, overdue=False)
    return None


def overdue(config: Config, changed_at: datetime, now: datetime) -> bool:
    """Must this password change before anything else?"""
    due = password_due(config, changed_at, now)
    return due is not None and due.overdue


def _terms_around(config: Config, now: datetime) -> tuple[datetime, datetime]:
    """When the present term began and when the next one begins."""
    zone = ZoneInfo(config.ward.timezone)
    year = now.astimezone(zone).year
    starts = sorted(
        datetime.combine(date(each, int(day[:2]), int(day[3:])), time(), zone)
        for each in (year - 1, year, year + 1)
        for day in config.account.term_starts
    )
    return max(start for start in starts if start <= now), min(start for start in starts if start > now)
