"""The logs of all members as files of days, and the chain of digests that holds them.

Owns the folder's form, MEMBER/YYYY-MM-DD.log and .log.gz once the day is over, and the file `seals`: a line
for each file in the order of sealing, `DAY MEMBER SHA-256 CHAIN`. CHAIN is the SHA-256 of the link before it,
day, member and digest. Each link is told as an event, too, so that the other members keep it in their files:
who alters a file has to alter it, and all later links, on every member. Refuses to read lines. Fails with
`LogsBroken` at the first difference, and as the disk does.
"""

import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from appliance.errors import KaramailError

FOLDER = Path("/var/log/karamail")
"""Where the role `logging` lets rsyslog write."""
_START = "0" * 64
_FILE = re.compile(r"(\d{4}-\d\d-\d\d)\.log(\.gz)?")
_CHUNK = 1 << 20


class LogsBroken(KaramailError):
    """A file of logs is not the one that was sealed, or a seal does not follow from the one before it."""


@dataclass(frozen=True, slots=True)
class Seal:
    """`chain` speaks for this file and all that were sealed before it."""

    day: date
    member: str
    digest: str
    chain: str

    @property
    def line(self) -> str:
        return f"{self.day} {self.member} {self.digest} {self.chain}\n"


@dataclass(frozen=True, slots=True)
class Report:
    """Of a verification: files that are as they were, those over their time, and the last link."""

    whole: int
    expired: int
    chain: str


def days(folder: Path) -> Iterator[tuple[str, date, Path]]:
    """Member, day and path of every file, in the order of days."""
    found = []
    for path in folder.glob("*/*"):
        match = _FILE.fullmatch(path.name)
        if match:
            found.append((date.fromisoformat(match[1]), path.parent.name, path))
    for day, member, path in sorted(found):
        yield member, day, path


def seal(folder: Path, today: date) -> Iterator[Seal]:
    """Compresses and seals what days before `today` have left; each seal when it is on the disk."""
    seals = read(folder)
    chain = seals[-1].chain if seals else _START
    sealed = {(each.member, each.day) for each in seals}
    for member, day, path in days(folder):
        if day < today and (member, day) not in sealed:
            digest = _digest(_compressed(path))
            made = Seal(day, member, digest, _link(chain, day, member, digest))
            _append(folder / "seals", made.line)
            chain = made.chain
            sealed.add((member, day))  # an interruption may have left both forms of a file
            yield made


def expire(folder: Path, before: date) -> int:
    """Deletes sealed files of days before that one; their seals stay. How many."""
    sealed = {(each.member, each.day) for each in read(folder)}
    over = [path for member, day, path in days(folder) if day < before and (member, day) in sealed]
    for path in over:
        path.unlink()
    return len(over)


def verify(folder: Path, keep_from: date, against: tuple[str, ...] = ()) -> Report:
    """Recomputes every link and every file; `against` are links that others kept.

    Raises `LogsBroken` at the first that is not as it was sealed, or that is missing before its time.
    """
    chain, whole, expired, links = _START, 0, 0, set()
    for each in read(folder):
        what = f"{each.member}/{each.day}"
        chain = _link(chain, each.day, each.member, each.digest)
        if chain != each.chain:
            raise LogsBroken(f"the seal of {what} does not follow from the one before it")
        links.add(chain)
        path = folder / each.member / f"{each.day}.log.gz"
        if not path.exists():
            if each.day >= keep_from:
                raise LogsBroken(f"{what} was sealed and is gone before its time")
            expired += 1
        elif _digest(path) != each.digest:
            raise LogsBroken(f"{what} is not the file that was sealed")
        else:
            whole += 1
    for link in against:
        if link not in links:
            raise LogsBroken(
                f"no seal here has the link {link}, which is kept elsewhere: seals were rewritten"
            )
    return Report(whole, expired, chain)


def read(folder: Path) -> list[Seal]:
    """All seals in order. Raises `LogsBroken`: a line that is none."""
    path = folder / "seals"
    found = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        try:
            day, member, digest, chain = line.split(" ")
            found.append(Seal(date.fromisoformat(day), member, digest, chain))
        except ValueError:
            raise LogsBroken(f"line {number} of {path} is no seal") from None
    return found


def kept_from(today: date, keep_days: int) -> date:
    """The first day whose files stay."""
    return today - timedelta(days=keep_days)


def _link(before: str, day: date, member: str, digest: str) -> str:
    return hashlib.sha256(f"{before} {day} {member} {digest}".encode()).hexdigest()


def _compressed(path: Path) -> Path:
    """The same file as .gz; half a one that an interruption left is written anew."""
    if path.suffix == ".gz":
        return path
    target = path.with_name(path.name + ".gz")
    fresh = target.with_name(target.name + ".new")
    with path.open("rb") as plain, gzip.GzipFile(fresh, "wb", mtime=0) as packed:
        shutil.copyfileobj(plain, packed, _CHUNK)
    with fresh.open("rb") as packed_file:
        os.fsync(packed_file.fileno())
    fresh.rename(target)
    path.unlink()
    return target


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
