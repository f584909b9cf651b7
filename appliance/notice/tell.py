"""The letters about one's own login: what was noted, and a password that is due.

Owns when one goes: all that has gathered for a person in one letter, guesses at a login once an hour at most,
a password once a term. Refuses to decide what is told (`appliance.audit` does) and when a password is due
(`appliance.account.term`). Fails as the database does.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import fn

from appliance import audit, db
from appliance.account import term
from appliance.config import Config
from appliance.delivery.letters import LetterKind
from appliance.models import Account, Notice, NoticeAddress
from appliance.notice.place import letter
from appliance.states import AccountState

_DUE = "password.due"
_GUESSES = (audit.SECOND_FAILED, audit.TOO_OFTEN)
_ONCE_IN = timedelta(hours=1)
_KEPT = timedelta(days=365)
_LINES_MAX = 20


def note_due(config: Config, now: datetime) -> None:
    """Notes, once a term, for everybody who can be told, that the password is due."""
    with db.transaction():
        Notice.delete().where(Notice.told_at < now - _KEPT).execute()
        due = [
            {"account": account_id, "what": _DUE, "at": each.deadline_at}
            for account_id, state, changed_at in _told(Account.id, Account.state, Account.password_changed_at)
            if state == AccountState.ACTIVE
            and (each := term.password_due(config, changed_at, now)) is not None
        ]
        if due:
            Notice.insert_many(due).on_conflict_ignore().execute()


def tell(config: Config, now: datetime) -> int:
    """Queues the letters for all that was noted; how many. Whichever mail worker comes first has them all."""
    untold = Notice.told_at.is_null()
    with db.guarded():
        if not Notice.select().where(untold).exists():
            return 0
    earlier = Notice.alias()
    lately = earlier.select().where(
        earlier.account == Notice.account, earlier.what == Notice.what, earlier.told_at > now - _ONCE_IN
    )
    with db.transaction():
        to: dict[int, int] = dict(_told(NoticeAddress.account, NoticeAddress.address))
        nobody = Notice.account.is_null() | Notice.account.not_in(list(to))
        Notice.delete().where(untold, nobody).execute()
        Notice.delete().where(untold, Notice.what.in_(_GUESSES), fn.EXISTS(lately)).execute()
        rows = list(Notice.update(told_at=now).where(untold, ~nobody).returning(Notice).execute())
        return sum(
            _tell_one(ZoneInfo(config.ward.timezone), to[account_id], rows, account_id, now)
            for account_id in {row.account_id for row in rows}
        )


def _tell_one(zone: ZoneInfo, to: int, rows: list[Notice], account_id: int, now: datetime) -> int:
    mine = sorted((row for row in rows if row.account_id == account_id), key=lambda row: row.id)
    happened = [row for row in mine if row.what != _DUE]
    due: list[datetime] = [row.at for row in mine if row.what == _DUE and row.at > now]
    for deadline_at in due:
        last_day = (deadline_at - timedelta(seconds=1)).astimezone(zone).date()
        letter(LetterKind.PASSWORD_DUE, to, now, last_day.isoformat())
    if happened:
        letter(LetterKind.OWN_LOGIN, to, now, _listed(happened, zone))
    return len(due) + bool(happened)


def _told(*columns: Any) -> Iterable[tuple[Any, ...]]:
    """Of the accounts that have an address for notices; suspended ones, too: it is their login."""
    rows: Iterable[tuple[Any, ...]] = (
        NoticeAddress.select(*columns).join(Account).where(NoticeAddress.address.is_null(False)).tuples()
    )
    return rows


def _listed(rows: Iterable[Notice], zone: ZoneInfo) -> str:
    """Closed words with their minutes; the same ones within a minute once, and each word before any twice."""
    lines = {f"{row.what} {row.at.astimezone(zone):%Y-%m-%dT%H:%M}": row.what for row in rows}
    first = list({what: line for line, what in reversed(lines.items())}.values())
    again = [line for line in lines if line not in first]
    told = {*first, *again[: _LINES_MAX - len(first)]}
    return ",".join(line for line in lines if line in told)
