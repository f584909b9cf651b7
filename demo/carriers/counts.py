"""What happened at the carriers, counted so that a test can say: nobody missing, nobody twice.

Owns the counters of one run and their form as JSON. A mail is `taken` when its sender is told 250: `kept` if
it reaches the mailbox, `dropped` if the owner's filter makes it vanish. Refuses to keep mail. Cannot fail.

It counts when the final dot has come in, before the reply is on its way: what stands here was received,
whatever its sender came to believe.
"""

import email.utils
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_DATE = re.compile(rb"^date:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Counts:
    """One carrier's. Plain words in `happened` count what has no field of its own."""

    def __init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.by_mailbox: Counter[str] = Counter()
        """Mails taken, kept or dropped."""
        self.open = 0
        self.peak = 0
        self._ids: dict[str, list[bytes]] = defaultdict(list)
        self._newest: dict[str, bytes] = {}

    # --- connections

    def connected(self) -> None:
        self.happened["connections"] += 1
        self.open += 1
        self.peak = max(self.peak, self.open)

    def disconnected(self) -> None:
        self.open -= 1

    # --- mail

    def refuse(self, kind: str) -> None:
        """One transaction, or one try to connect, ended with a no of this kind."""
        self.refused[kind] += 1

    def take(self, box: str, content: bytes, *, dropped: bool) -> None:
        """The sender is told 250 for this mailbox."""
        self.happened["dropped" if dropped else "kept"] += 1
        self.by_mailbox[box] += 1
        header = content[: content.find(b"\r\n\r\n") + 2]
        found = _MESSAGE_ID.search(header)
        ids = self._ids[box]
        if found and found[1] in ids:
            self.happened["duplicates"] += 1
        elif found:
            ids.append(found[1])
        self._order(box, header)

    def _order(self, box: str, header: bytes) -> None:
        """A mail that was written before the one that this mailbox already has came too late."""
        found = _DATE.search(header)
        if found is None:
            return
        before = self._newest.get(box)
        self._newest[box] = found[1]
        if before is not None and before != found[1] and _moment(found[1]) < _moment(before):
            self.happened["reordered"] += 1
            self._newest[box] = before

    def report(self) -> dict[str, Any]:
        return {
            "connections": self.happened["connections"],
            "peak_connections": self.peak,
            "encrypted": self.happened["encrypted"],
            "taken": self.happened["kept"] + self.happened["dropped"],
            "kept": self.happened["kept"],
            "dropped": self.happened["dropped"],
            "mailboxes": len(self.by_mailbox),
            "duplicates": self.happened["duplicates"],
            "reordered": self.happened["reordered"],
            "refused": dict(sorted(self.refused.items())),
        }


def in_all(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Several carriers' reports as one; peaks are added, too: an upper bound."""
    total: dict[str, Any] = {}
    refused: Counter[str] = Counter()
    for report in reports:
        refused.update(report["refused"])
        for key, value in report.items():
            if key != "refused":
                total[key] = total.get(key, 0) + value
    return total | {"refused": dict(sorted(refused.items()))}


def _moment(date: bytes) -> float:
    try:
        return email.utils.parsedate_to_datetime(date.decode("ascii", "replace")).timestamp()
    except ValueError:
        return 0.0
