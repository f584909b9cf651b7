"""What a month of log lines amounts to: connections to sites, operators on nodes, drops, days with no file.

Owns recognising the few kinds of lines that are counted. Refuses to keep any line: counts, and addresses of
operators only. Fails as the disk does; a line of another kind counts for nothing.
"""

import gzip
import json
import re
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO

from cli.logs import seals

_LINE = re.compile(r"\S+ (?P<member>\S+) (?P<tag>[^\s\[:]+)(?:\[\d+\])?:? (?P<said>.*)")
_ENTERED = re.compile(r"Accepted \S+ for (?P<who>\S+) from (?P<address>\S+) port")
_TURNED_AWAY = re.compile(
    r"Failed \S+ for |Invalid user |Connection closed by (?:authenticating|invalid) user "
)
_ROOT = re.compile(r"(?P<who>\S+) : .*COMMAND=")


@dataclass(slots=True)
class Site:
    """What the proxy in front of a site has answered."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    addresses: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Month:
    """Of all members together."""

    first: date
    """The month begins with it."""
    sites: defaultdict[str, Site] = field(default_factory=lambda: defaultdict(Site))
    entered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Operator and the address they came from."""
    turned_away: int = 0
    as_root: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    """`in` and `out`: what the firewall wrote down of what it dropped, ten lines a second at most."""
    days: defaultdict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    """Member and its days with a file."""
    began: dict[str, date] = field(default_factory=dict)
    """Member and the first day of which there is a file or a seal, in whatever month."""
    sealed: defaultdict[str, set[date]] = field(default_factory=lambda: defaultdict(set))

    @property
    def end(self) -> date:
        """The first day of the next month."""
        return self.first + timedelta(days=monthrange(self.first.year, self.first.month)[1])


def month(folder: Path, first: date) -> Month:
    """Reads the files of the month that begins with `first`, of every member."""
    found = Month(first)
    for member, day, path in seals.days(folder):
        found.began[member] = min(day, found.began.get(member, day))
        if first <= day < found.end:
            found.days[member].add(day)
            for tag, said in _lines(path):
                _count(found, tag, said)
    for each in seals.read(folder):
        found.began[each.member] = min(each.day, found.began.get(each.member, each.day))
        if first <= each.day < found.end:
            found.sealed[each.member].add(each.day)
    return found


def _count(found: Month, tag: str, said: str) -> None:
    if tag == "nginx" and '"proxy.request"' in said:
        _visit(found.sites, said)
    elif tag.startswith("sshd"):
        if match := _ENTERED.match(said):
            found.entered[match["who"], match["address"]] += 1
        found.turned_away += bool(_TURNED_AWAY.match(said))
    elif tag == "sudo":
        if match := _ROOT.match(said.strip()):
            found.as_root[match["who"]] += 1
    elif tag == "kernel" and "karamail-drop-" in said:
        found.dropped["in" if "karamail-drop-in" in said else "out"] += 1


def _visit(sites: defaultdict[str, Site], said: str) -> None:
    try:
        entry = json.loads(said)
        site, status = sites[entry["site"]], int(entry["status"])
    except (ValueError, KeyError):
        return
    site.requests += 1
    site.refused += 400 <= status < 500
    site.failed += status >= 500
    site.addresses.add(entry.get("peer", ""))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Tag and text of each line."""
    with _opened(path) as file:
        for line in file:
            if match := _LINE.match(line):
                yield match["tag"], match["said"]


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")
