"""What one look has found, for an installer who knows computers but not mail.

Owns the form of a finding: what is so, what it means for parents, what to do. Refuses to look. Cannot fail.
"""

from dataclasses import dataclass
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


def unreadable(area: str, error: PermissionError) -> Finding:
    """A look that needs root and was taken without."""
    return warning(area, f"{error.filename} cannot be read", "nothing.", "run this as root.")
