"""Who has a mailbox at the carriers, in which condition, and what lies in it.

Owns one SQLite file: the phones' mail (the latest 100 each) and conditions, and the tally of what happened
to mail for the crowd. Refuses to keep the crowd's mail. The carriers' process writes, the phones' pages read
and set conditions. Fails as sqlite3 does.
"""

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from appliance.address import Address, parse
from demo.carriers.brands import BY_DOMAIN
from demo.people import Condition, guardian

KEPT_PER_MAILBOX = 100

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT, box TEXT NOT NULL, arrived_at REAL NOT NULL, sender TEXT NOT NULL,
    encrypted INTEGER NOT NULL, content BLOB NOT NULL, seen INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS mail_box ON mail (box, id);
CREATE TABLE IF NOT EXISTS phone (box TEXT PRIMARY KEY, condition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tally (carrier TEXT, happened TEXT, count INTEGER NOT NULL,
    PRIMARY KEY (carrier, happened));
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it arrived; `encrypted` says whether the connection was."""

    id: int
    box: str
    arrived_at: float
    sender: str
    encrypted: bool
    content: bytes
    seen: bool


def box_of(address: Address | str) -> str:
    """The mailbox's name at its carrier. KeyError for a domain that is none of theirs."""
    if isinstance(address, str):
        address = parse(address)
    return BY_DOMAIN[address.domain].box(address)


class Mailboxes:
    """The store. `phones` are addresses whose mail is kept; the crowd's first `crowd` members also exist."""

    def __init__(self, path: Path, phones: tuple[str, ...], crowd: int = 0) -> None:
        self._phones = {box_of(address) for address in phones}
        people = (guardian(number) for number in range(1, crowd + 1))
        self._crowd = {box_of(person.address): person.condition for person in people}
        self._file = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.executescript(_SCHEMA)
        self._counted: Counter[tuple[str, str]] = Counter()

    def close(self) -> None:
        self.flush()
        self._file.close()

    def is_phone(self, box: str) -> bool:
        return box in self._phones

    def condition(self, box: str) -> Condition | None:
        """None: nobody ever had that mailbox."""
        if box not in self._phones:
            return self._crowd.get(box)
        row = self._file.execute("SELECT condition FROM phone WHERE box = ?", (box,)).fetchone()
        return Condition(row[0]) if row else Condition.FINE

    def set_condition(self, box: str, condition: Condition) -> None:
        self._file.execute("INSERT OR REPLACE INTO phone VALUES (?, ?)", (box, condition))

    def deposit(self, box: str, sender: str, content: bytes, *, encrypted: bool) -> None:
        """Puts a mail into a phone's mailbox; the oldest beyond the bound goes."""
        self._file.execute(
            "INSERT INTO mail (box, arrived_at, sender, encrypted, content) VALUES (?, ?, ?, ?, ?)",
            (box, time.time(), sender, encrypted, content),
        )
        self._file.execute(
            "DELETE FROM mail WHERE box = ?1 AND id <= "
            "(SELECT id FROM mail WHERE box = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (box, KEPT_PER_MAILBOX),
        )

    def inbox(self, box: str) -> list[Mail]:
        """The newest first."""
        rows = self._file.execute(
            "SELECT id, box, arrived_at, sender, encrypted, content, seen FROM mail WHERE box = ?"
            " ORDER BY id DESC",
            (box,),
        )
        return [_mail(row) for row in rows]

    def unseen(self) -> dict[str, int]:
        return dict(self._file.execute("SELECT box, COUNT(*) FROM mail WHERE NOT seen GROUP BY box"))

    def mail(self, box: str, mail_id: int) -> Mail | None:
        row = self._file.execute(
            "SELECT id, box, arrived_at, sender, encrypted, content, seen FROM mail WHERE box = ? AND id = ?",
            (box, mail_id),
        ).fetchone()
        return _mail(row) if row else None

    def mark_seen(self, mail_id: int) -> None:
        self._file.execute("UPDATE mail SET seen = 1 WHERE id = ?", (mail_id,))

    def count(self, carrier: str, happened: str) -> None:
        """Counts in memory; `flush` writes."""
        self._counted[carrier, happened] += 1

    def flush(self) -> None:
        if self._counted:
            counted, self._counted = self._counted, Counter()
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT INTO tally VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + ?3",
                [(*what, times) for what, times in counted.items()],
            )
            self._file.execute("COMMIT")

    def tally(self) -> dict[str, dict[str, int]]:
        """What happened, by carrier."""
        found: dict[str, dict[str, int]] = {}
        for carrier, happened, count in self._file.execute("SELECT carrier, happened, count FROM tally"):
            found.setdefault(carrier, {})[happened] = count
        return found


def _mail(row: tuple[int, str, float, str, int, bytes, int]) -> Mail:
    return Mail(row[0], row[1], row[2], row[3], bool(row[4]), row[5], bool(row[6]))
