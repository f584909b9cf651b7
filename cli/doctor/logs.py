"""The logs of all members on this one: do they arrive, is each day sealed?

Owns the words for what the folder of `cli.logs.seals` shows. Refuses to read a line or to verify:
`karamail logs verify` does. The finding is what cannot be read, too.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from appliance import clock
from appliance.config import Config
from cli.doctor.ages import changed_at, span
from cli.doctor.finding import Finding, broken, ok, unreadable, warning
from cli.logs import seals
from cli.logs.seals import LogsBroken

AREA = "logs"
FOLDER = seals.FOLDER
"""Tests have another one."""

_SILENT = timedelta(minutes=30)
"""Every member marks every ten minutes that it lives."""
_MEANS = "mail is not affected; what happened on a node might be known to nobody but that node."


def look(config: Config) -> Iterator[Finding]:
    """Members that are silent, days without a seal."""
    if not config.database.url.startswith("postgresql"):
        yield ok(AREA, "a machine of its own: its journal has them")
        return
    if not FOLDER.exists():
        yield warning(
            AREA, f"{FOLDER} is not there: no member's logs are kept", _MEANS,
            "the role logging sets it up; docs/operations.md, Logs.",
        )  # fmt: skip
        return
    now = clock.now()
    try:
        newest = _newest()
        yield from _arriving(newest, now)
        yield from _sealing(now)
    except PermissionError as error:
        yield unreadable(AREA, error)
    except LogsBroken as error:
        yield broken(
            AREA, str(error), _MEANS, "`karamail logs verify` on each member; keep the folder as it is."
        )


def _newest() -> dict[str, datetime]:
    """Of each member, when a line arrived last."""
    times: dict[str, datetime] = {}
    for member, _, path in seals.days(FOLDER):
        times[member] = max(changed_at(path), times.get(member, changed_at(path)))
    return times


def _arriving(newest: dict[str, datetime], now: datetime) -> Iterator[Finding]:
    for member, at in sorted(newest.items()):
        if now - at > _SILENT:
            yield warning(
                AREA, f"nothing has come from {member} for {span(now - at)}", _MEANS,
                f"on {member}: `systemctl status rsyslog`; is it reachable on port 6514?",
            )  # fmt: skip
    if newest and all(now - at <= _SILENT for at in newest.values()):
        yield ok(AREA, f"lines come from {', '.join(sorted(newest))}")


def _sealing(now: datetime) -> Iterator[Finding]:
    sealed = {(each.member, each.day) for each in seals.read(FOLDER)}
    yesterday = (now.astimezone() - timedelta(hours=3)).date()
    waiting = [
        day for member, day, _ in seals.days(FOLDER) if day < yesterday and (member, day) not in sealed
    ]
    if waiting:
        yield broken(
            AREA, f"{len(waiting)} files have no seal, the first of {min(waiting)}", _MEANS,
            "`systemctl status karamail-logs`, then `systemctl start karamail-logs`.",
        )  # fmt: skip
    else:
        yield ok(AREA, f"{len(sealed)} files are sealed")
