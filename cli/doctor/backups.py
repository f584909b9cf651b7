"""Backups of this node: made, proved and carried in time?

Owns the words for what the units of the role `backup` leave behind: proof of the last restore, copies of
the secrets, the mark of the last copy on a disk, WAL that no repository has taken. Refuses to ask pgBackRest:
what was restored last night is worth more than what a list says. The finding is what cannot be read, too.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from appliance import clock
from appliance.config import Config
from cli.doctor.ages import changed_at, span
from cli.doctor.finding import Finding, broken, ok, unreadable, warning

AREA = "backups"
ROOT = Path("/")
"""Below it are the places of the role; tests have another one."""

_DAY = timedelta(hours=26)
_NOT_NOW = "mail is not affected; what would be lost with the nodes grows by the day."


def look(config: Config) -> Iterator[Finding]:
    """What is late or not whole, on this node."""
    if not config.database.url.startswith("postgresql"):
        yield ok(AREA, "an SQLite file: whoever copies the disk has it")
        return
    if not (ROOT / "etc/pgbackrest/pgbackrest.conf").exists():
        yield warning(
            AREA, "pgBackRest is not set up on this node", _NOT_NOW,
            "if the database is backed up by other means, restore it once by them; if not: "
            "docs/operations.md, Backups.",
        )  # fmt: skip
        return
    now = clock.now()
    try:
        yield from _waiting(now)
        if _has_unit("karamail-restore-test.timer"):  # only on a node with a repository
            yield from _proof(now)
            yield from _copies(now)
    except PermissionError as error:
        yield unreadable(AREA, error)


def _waiting(now: datetime) -> Iterator[Finding]:
    """The leader keeps WAL until every repository has it."""
    folder = ROOT / "var/lib/postgresql/karamail/data/pg_wal/archive_status"
    times = [changed_at(each) for each in folder.glob("*.ready")]
    if times and (age := now - min(times)) > timedelta(minutes=10):
        report = broken if age > timedelta(hours=4) else warning
        yield report(
            AREA, f"{len(times)} WAL files wait for a repository, the first for {span(age)}", _NOT_NOW,
            "is the node of a repository away? `runuser -u postgres -- pgbackrest --stanza=karamail check` "
            "says what is in the way.",
        )  # fmt: skip
    else:
        yield ok(AREA, "no WAL waits for a repository")


def _proof(now: datetime) -> Iterator[Finding]:
    again = "`systemctl status karamail-restore-test`, then `systemctl start karamail-restore-test`."
    path = ROOT / "var/lib/karamail-backup/proved.json"
    if not path.exists():
        if _is_new("karamail-restore-test.timer", now):
            yield ok(AREA, "the first restore of a backup is due tonight")
        else:
            yield broken(AREA, "no backup of this node was ever restored", _NOT_NOW, again)
        return
    proof = json.loads(path.read_text())
    times = ("at", "last_transaction_at", "backup_at")
    at, last, made = (datetime.fromisoformat(proof[name]) for name in times)
    restored = (
        f"restored {span(now - at)} ago: {proof['registrations']} registrations, "
        f"{proof['records']} operation records, in {proof['seconds']} s"
    )
    if not proof["whole"]:
        yield broken(
            AREA, f"{restored}; the operation record in it is not as it was signed", _NOT_NOW,
            "`karamail audit verify` on each node; keep this repository as it is.",
        )  # fmt: skip
    elif now - at > _DAY:
        yield broken(AREA, f"the last backup that was tried was {restored}", _NOT_NOW, again)
    elif at - made > _DAY:
        yield broken(
            AREA, f"the newest backup was {span(at - made)} old when it was {restored}", _NOT_NOW,
            "`systemctl status 'karamail-backup@*'`, then `systemctl start karamail-backup@full`.",
        )  # fmt: skip
    elif at - last > timedelta(hours=1):
        yield warning(
            AREA, f"{restored}, but its last transaction was {span(at - last)} older", _NOT_NOW,
            "`runuser -u postgres -- pgbackrest --stanza=karamail check` says why WAL does not arrive.",
        )  # fmt: skip
    else:
        yield ok(AREA, restored)


def _copies(now: datetime) -> Iterator[Finding]:
    newest = max(map(changed_at, (ROOT / "var/lib/karamail-keys").glob("*.cms")), default=None)
    if not _has_unit("karamail-backup-keys.timer"):
        yield warning(
            AREA, "the secrets are copied by nobody",
            "with all nodes lost no name and no address opens again.",
            "set backup_keys_recipient (docs/operations.md, Keys) or keep a copy by hand.",
        )  # fmt: skip
    else:
        yield from _in_time("sealed copy of the secrets", newest, now, "karamail-backup-keys")
    if _has_unit("karamail-backup-disk.service"):
        mark = ROOT / "var/lib/karamail-backup/carried"
        newest = changed_at(mark) if mark.exists() else None
        yield from _in_time("copy on the external disk", newest, now, "karamail-backup-disk")


def _in_time(what: str, newest: datetime | None, now: datetime, unit: str) -> Iterator[Finding]:
    todo = f"`systemctl status {unit}`, then `systemctl start {unit}`."
    if newest is None and _is_new(f"{unit}.timer", now):
        yield ok(AREA, f"the first {what} is due tonight")
    elif newest is None:
        yield broken(AREA, f"there is no {what} yet", _NOT_NOW, todo)
    elif now - newest > _DAY:
        yield broken(AREA, f"the last {what} is {span(now - newest)} old", _NOT_NOW, todo)
    else:
        yield ok(AREA, f"the last {what} is {span(now - newest)} old")


def _has_unit(name: str) -> bool:
    return (ROOT / "etc/systemd/system" / name).exists()


def _is_new(timer: str, now: datetime) -> bool:
    """Installed since the last night: nothing could have come of it yet."""
    return _has_unit(timer) and now - changed_at(ROOT / "etc/systemd/system" / timer) < _DAY
