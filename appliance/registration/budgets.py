"""How many empty mails and inquiries are answered in an hour: per network, domain, code, and in all.

Owns counting and refusing, in the database, so that all workers share one budget, and inside the group
commit: three statements for a group, however many mails are in it. Each worker writes rows of its own, so
counting makes no worker wait for another; two that count at the same moment may exceed a budget by a group.
Networks and domains are kept as keyed hashes. A mail that its sender's domain does not vouch for also counts
against the doubtful share of each budget. A code whose budget is spent is paused, and comes back by itself;
whether a school has it makes no difference. Refuses to know addresses: their own budget is in `request`.
Answers "may this be taken?" with the kind of budget that says no, or None. Fails as the database does.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from peewee import EXCLUDED, fn

from appliance import log
from appliance.address import Address
from appliance.config.schema import Mail
from appliance.keys import Keyring, Purpose
from appliance.models import Alarm, BudgetUse, CodePause

SLOT_S = 300
WINDOW_SLOTS = 12  # an hour
_ALARM_S = 60
_WRITER = secrets.randbits(31)
_logged_at: dict[str, datetime] = {}
_purged_slot = 0


class BudgetKind(StrEnum):
    """What a budget is for; the words of alarms."""

    ADDRESS = "address"
    NETWORK = "network"
    DOMAIN = "domain"
    CODE = "code"
    ALL = "all"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Budgets:
    """Mails in an hour; `mail.requests_per_…` say why."""

    network: int = 6_000
    domain: int = 500
    carrier: int = 15_000
    code: int = 3_000
    all: int = 30_000
    doubtful_percent: int = 10
    code_pause: timedelta = timedelta(minutes=30)

    @classmethod
    def of(cls, mail: Mail) -> "Budgets":
        """As configured."""
        return cls(
            network=mail.requests_per_network_per_hour,
            domain=mail.requests_per_domain_per_hour,
            carrier=mail.requests_per_carrier_per_hour,
            code=mail.requests_per_code_per_hour,
            all=mail.requests_per_hour,
            doubtful_percent=mail.doubtful_percent,
            code_pause=timedelta(minutes=mail.code_pause_minutes),
        )


GENEROUS = Budgets()


class Counted(Protocol):
    """What is looked at of a request."""

    @property
    def local_part(self) -> str: ...
    @property
    def sender(self) -> Address: ...
    @property
    def network(self) -> str: ...
    @property
    def doubtful(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Use:
    """One budget that a mail uses."""

    kind: BudgetKind
    key: bytes
    limit: int
    is_share: bool  # of the doubtful


class Purse:
    """The budgets of one group of mails, inside its transaction."""

    def __init__(
        self, keyring: Keyring, budgets: Budgets, requests: Sequence[Counted], now: datetime
    ) -> None:
        """Reads what has been used, and which codes are paused."""
        self._budgets = budgets
        self._now = now
        self._slot = int(now.timestamp()) // SLOT_S
        self._hashes: dict[str, bytes] = {}
        self._keyring = keyring
        self._uses = [tuple(self._of(item)) for item in requests]
        self._used = _used({use.key for uses in self._uses for use in uses}, self._slot)
        self._paused = _paused({item.local_part.lower() for item in requests}, now)
        self._taken: Counter[bytes] = Counter()
        self._refused: Counter[str] = Counter()
        self._to_pause: set[str] = set()

    def refusal(self, place: int, code: str) -> BudgetKind | None:
        """Why the mail at `place` of the group may not be taken, or None; then it is counted."""
        if code.lower() in self._paused:
            return self.refuse(BudgetKind.PAUSED)
        for use in self._uses[place]:
            if self._used[use.key] + self._taken[use.key] >= use.limit:
                if use.kind is BudgetKind.CODE and not use.is_share:
                    self._to_pause.add(code.lower())
                    self._paused.add(code.lower())
                return self.refuse(use.kind)
        self._taken.update(use.key for use in self._uses[place])
        return None

    def refuse(self, kind: BudgetKind) -> BudgetKind:
        """Notes a refusal for the alarm."""
        self._refused[kind] += 1
        return kind

    def close(self) -> None:
        """Writes down what was used and refused."""
        if self._taken:
            rows = [
                {"key": key, "slot": self._slot, "writer": _WRITER, "used": used}
                for key, used in sorted(self._taken.items())
            ]
            BudgetUse.insert_many(rows).on_conflict(
                conflict_target=[BudgetUse.key, BudgetUse.slot, BudgetUse.writer],
                update={BudgetUse.used: BudgetUse.used + EXCLUDED.used},
            ).execute()
            _purge(self._slot)
        for code in sorted(self._to_pause):
            pause(code, self._now, self._now + self._budgets.code_pause, by_operator=False)
        if self._refused:
            _raise_alarms(self._refused, self._now)

    def _of(self, item: Counted) -> Iterable[_Use]:
        budgets = self._budgets
        of_domain = budgets.domain if item.sender.carrier == "other" else budgets.carrier
        for kind, name, limit in (
            (BudgetKind.NETWORK, item.network, budgets.network),
            (BudgetKind.DOMAIN, item.sender.domain, of_domain),
            (BudgetKind.CODE, item.local_part.lower(), budgets.code),
            (BudgetKind.ALL, "", budgets.all),
        ):
            if item.doubtful:
                share = max(1, limit * budgets.doubtful_percent // 100)
                yield _Use(kind, self._key(f"doubtful {kind}:{name}"), share, True)
            yield _Use(kind, self._key(f"{kind}:{name}"), limit, False)

    def _key(self, text: str) -> bytes:
        if text not in self._hashes:
            self._hashes[text] = self._keyring.index(Purpose.ADDRESSES, f"budget:{text}")
        return self._hashes[text]


def pause(code: str, now: datetime, until: datetime, *, by_operator: bool) -> None:
    """Mails to the code wait (451) until then."""
    CodePause.insert(code=code, by_operator=by_operator, paused_at=now, until_at=until).on_conflict(
        conflict_target=[CodePause.code],
        update={
            CodePause.by_operator: by_operator,
            CodePause.paused_at: now,
            CodePause.until_at: until,
        },
    ).execute()


def resume(code: str) -> bool:
    """Mails to the code are answered again; False where it was not paused."""
    return bool(CodePause.delete().where(CodePause.code == code).execute())


def _used(keys: Collection[bytes], slot: int) -> Counter[bytes]:
    rows = (
        BudgetUse.select(BudgetUse.key, fn.SUM(BudgetUse.used))
        .where(BudgetUse.key.in_(list(keys)), BudgetUse.slot > slot - WINDOW_SLOTS)
        .group_by(BudgetUse.key)
        .tuples()
    )
    return Counter({bytes(key): int(used) for key, used in rows})


def _paused(codes: Collection[str], now: datetime) -> set[str]:
    rows = CodePause.select(CodePause.code).where(CodePause.code.in_(list(codes)), CodePause.until_at > now)
    return {row.code for row in rows}


def _purge(slot: int) -> None:
    """Once in a slot, each worker drops what no window reaches any more."""
    global _purged_slot
    if slot != _purged_slot:
        BudgetUse.delete().where(BudgetUse.slot <= slot - 2 * WINDOW_SLOTS).execute()
        _purged_slot = slot


def _raise_alarms(refused: Counter[str], now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    Alarm.insert_many(
        [{"kind": kind, "at": minute, "refused": count} for kind, count in sorted(refused.items())]
    ).on_conflict(
        conflict_target=[Alarm.kind, Alarm.at], update={Alarm.refused: Alarm.refused + EXCLUDED.refused}
    ).execute()
    for kind, count in refused.items():
        last = _logged_at.get(kind)
        if last is None or not timedelta(0) <= now - last < timedelta(seconds=_ALARM_S):
            _logged_at[kind] = now
            log.budget_spent(kind, count)
