"""What one look has found, for an installer who knows computers but not mail.

Owns the form of a finding: what is so, what it means for parents, what to do; and how a span is said.
Refuses to look. Cannot fail.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum


class Status(IntEnum):
    """The worst one is the exit code."""

    OK = 0
    WARNING = 1
    BROKEN = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """`area` is the word for `--only`. `means` and `todo` are empty where all is well."""

    status: Status
    area: str
    what: str
    means: str = ""
    todo: str = ""

    def lines(self) -> list[str]:
        """As the terminal shows it."""
        word = "ok" if self.status is Status.OK else self.status.name
        lines = [f"{word:<8} {self.area}: {self.what}"]
        if self.means:
            lines.append(f"         For parents: {self.means}")
        if self.todo:
            lines.append(f"         To do: {self.todo}")
        return lines


def ok(area: str, what: str) -> Finding:
    return Finding(Status.OK, area, what)


def warning(area: str, what: str, means: str, todo: str) -> Finding:
    return Finding(Status.WARNING, area, what, means, todo)


def broken(area: str, what: str, means: str, todo: str) -> Finding:
    return Finding(Status.BROKEN, area, what, means, todo)


def span(length: timedelta) -> str:
    """`90 minutes`, `26 hours`, `3 days`: as exact as matters."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"
