"""How old are the packages that this node may install?

Owns the age of the bundle, by its own date. Refuses to ask a mirror: a rack may have no internet, and then
nobody but the bundle's age says that corrections wait. Without a bundle there is nothing to find.
"""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from appliance import clock
from cli.doctor.ages import span
from cli.doctor.finding import Finding, ok, warning

AREA = "updates"
RELEASE = Path("/srv/karamail-bundle/apt/Release")
"""Tests have another one."""

_CORRECTED_WITHIN = timedelta(days=31)
"""docs/operations.md, Updates of the system."""
_MEANS = "nothing today; faults of security that others know by now may still be open here."
_TODO = "`make bundle` with internet, carry it, `site.yml`; docs/operations.md, Updates of the system."


def look() -> Iterator[Finding]:
    """Whether a month has passed without a new bundle."""
    if not RELEASE.exists():
        return
    fields = dict(line.split(": ", 1) for line in RELEASE.read_text().splitlines() if ": " in line)
    try:
        age = clock.now() - parsedate_to_datetime(fields["Date"])
    except (KeyError, ValueError):
        yield warning(AREA, f"{RELEASE} has no date", _MEANS, _TODO)
        return
    what = f"the bundle's packages are of {span(age)} ago"
    yield warning(AREA, what, _MEANS, _TODO) if age > _CORRECTED_WITHIN else ok(AREA, what)
