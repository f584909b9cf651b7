"""How old something is, and how that is said.

Owns spans in words and the time of a file's last change. Refuses to judge what is too old. Fails as the disk
does.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path


def span(length: timedelta) -> str:
    """`90 minutes`, `26 hours`, `3 days`: as exact as matters."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


def changed_at(path: Path) -> datetime:
    """When the file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
