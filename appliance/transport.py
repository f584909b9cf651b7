"""What is kept of receiving domains: their transport policies, and how TLS with them fared.

Owns the rows of `mta_sts_policy`, `tls_tally` and `tls_report`. A private domain names a family (decision
0012), so domains stand in them only as a keyed hash and sealed beside what is kept of them; policies and
counters are texts that this module does not read. Refuses SMTP, DNS and HTTPS. Fails with
`DatabaseUnavailable`, and with `KeyRefused` in zones that hold no key; a damaged row is skipped.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import fn

from appliance import db
from appliance.errors import KeyRefused
from appliance.keys import Keyring, Purpose, Slot
from appliance.keystore import WARD
from appliance.models import MtaStsPolicy, TlsReport, TlsTally
from appliance.models.fields import row_id

_UNUSED = timedelta(days=60)  # a domain nobody has written to so long is not asked for its policy any more
_SEEN = timedelta(days=1)
_BATCH = 50
TALLY_DAYS = 3
"""A day's counters are forgotten so many days later, reported or not."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy as it was kept."""

    domain: str
    text: str
    fetched_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A day of a domain that waits for its report; `texts` are the tallies of all workers."""

    day: int
    domain: str
    texts: tuple[str, ...]
    attempts: int


def domain_index(keyring: Keyring, domain: str) -> bytes:
    """16 bytes by which a domain is found again."""
    return keyring.index(Purpose.ADDRESSES, "domain:" + domain)


# --- policies


def keep_policy(keyring: Keyring, kept: Kept, refresh_at: datetime) -> None:
    """Writes a policy over what was kept of that domain."""
    index = domain_index(keyring, kept.domain)
    with db.transaction():
        known = MtaStsPolicy.get_or_none(MtaStsPolicy.domain_index == index)
        id_ = row_id() if known is None else known.id
        row = {
            "sealed": keyring.seal(_policy_slot(id_), json.dumps([kept.domain, kept.text])),
            "fetched_at": kept.fetched_at,
            "refresh_at": refresh_at,
            "expires_at": kept.expires_at,
        }
        if known is not None:
            MtaStsPolicy.update(row).where(MtaStsPolicy.id == id_).execute()
        else:
            row |= {"id": id_, "domain_index": index, "used_at": kept.fetched_at}
            MtaStsPolicy.insert(row).on_conflict_ignore().execute()


def kept_policy(keyring: Keyring, domain: str, now: datetime) -> Kept | None:
    """The policy of a domain that has not expired. Notes, once a day, that it is in use."""
    with db.guarded():
        row = (
            MtaStsPolicy.select(MtaStsPolicy)
            .where(MtaStsPolicy.domain_index == domain_index(keyring, domain), MtaStsPolicy.expires_at > now)
            .get_or_none()
        )
        if row is None:
            return None
        if row.used_at < now - _SEEN:
            MtaStsPolicy.update(used_at=now).where(MtaStsPolicy.id == row.id).execute()
    return _opened(keyring, row)


def claim_policies(keyring: Keyring, now: datetime, again_at: datetime) -> list[Kept]:
    """Policies whose refresh is due and that are in use; nobody else gets them before `again_at`.

    Forgets those that have expired.
    """
    with db.transaction():
        MtaStsPolicy.delete().where(MtaStsPolicy.expires_at <= now).execute()
        due = MtaStsPolicy.select(MtaStsPolicy).where(
            MtaStsPolicy.refresh_at <= now, MtaStsPolicy.used_at > now - _UNUSED
        )
        rows = list(db.held(due.limit(_BATCH), "FOR UPDATE SKIP LOCKED"))
        MtaStsPolicy.update(refresh_at=again_at).where(
            MtaStsPolicy.id.in_([row.id for row in rows])
        ).execute()
    return [kept for row in rows if (kept := _opened(keyring, row)) is not None]


def _opened(keyring: Keyring, row: MtaStsPolicy) -> Kept | None:
    """None for a damaged row, which is as good as not there."""
    try:
        domain, text = json.loads(keyring.open(_policy_slot(row.id), bytes(row.sealed)))
    except KeyRefused:
        return None
    return Kept(domain, text, row.fetched_at, row.expires_at)


def _policy_slot(row: int) -> Slot:
    return Slot(Purpose.ADDRESSES, "mta_sts_policy", "sealed", WARD, row)


# --- counters and reports


def add_tallies(keyring: Keyring, tallies: Iterable[tuple[int, str, str]]) -> None:
    """Keeps (day, domain, text)s."""
    rows = []
    for day, domain, text in tallies:
        id_ = row_id()
        sealed = keyring.seal(_tally_slot(id_), json.dumps([domain, text]))
        rows.append({"id": id_, "day": day, "domain_index": domain_index(keyring, domain), "sealed": sealed})
    if rows:
        with db.transaction():
            TlsTally.insert_many(rows).execute()


def claim_report(keyring: Keyring, before_day: int, now: datetime, again_at: datetime) -> Due | None:
    """One report that is due for a day before `before_day`; nobody else gets it before `again_at`.

    Forgets days that are too old.
    """
    with db.transaction():
        TlsTally.delete().where(TlsTally.day < before_day - TALLY_DAYS).execute()
        TlsReport.delete().where(TlsReport.day < before_day - TALLY_DAYS).execute()
        held = TlsReport.select().where(
            TlsReport.day == TlsTally.day,
            TlsReport.domain_index == TlsTally.domain_index,
            (TlsReport.next_at > now) | TlsReport.sent_at.is_null(False),
        )
        found = (
            TlsTally.select(TlsTally.day, TlsTally.domain_index)
            .where(TlsTally.day < before_day, ~fn.EXISTS(held))
            .order_by(TlsTally.day)
            .limit(1)
            .tuples()
            .first()
        )
        if found is None:
            return None
        day, index = found[0], bytes(found[1])
        attempts = _claim(day, index, now, again_at)
        if attempts is None:
            return None
        rows = list(TlsTally.select(TlsTally).where(TlsTally.day == day, TlsTally.domain_index == index))
    opened = [found for row in rows if (found := _opened_tally(keyring, row)) is not None]
    if not opened:
        return None
    return Due(day, opened[0][0], tuple(text for _, text in opened), attempts)


def _opened_tally(keyring: Keyring, row: TlsTally) -> tuple[str, str] | None:
    try:
        domain, text = json.loads(keyring.open(_tally_slot(row.id), bytes(row.sealed)))
    except KeyRefused:
        return None
    return domain, text


def _claim(day: int, index: bytes, now: datetime, again_at: datetime) -> int | None:
    """The number of this attempt, or None where another worker was faster."""
    new = TlsReport.insert(day=day, domain_index=index, attempts=1, next_at=again_at, sent_at=None)
    if new.on_conflict_ignore().as_rowcount().execute():
        return 1
    ours = TlsReport.update(attempts=TlsReport.attempts + 1, next_at=again_at).where(
        TlsReport.day == day, TlsReport.domain_index == index, TlsReport.next_at <= now
    )
    if not ours.execute():
        return None
    row = TlsReport.get(TlsReport.day == day, TlsReport.domain_index == index)
    return int(row.attempts)


def reported(keyring: Keyring, due: Due, now: datetime) -> None:
    """The report is out, or given up: its counters are deleted."""
    index = domain_index(keyring, due.domain)
    with db.transaction():
        TlsReport.update(sent_at=now).where(
            TlsReport.day == due.day, TlsReport.domain_index == index
        ).execute()
        TlsTally.delete().where(TlsTally.day == due.day, TlsTally.domain_index == index).execute()


def _tally_slot(row: int) -> Slot:
    return Slot(Purpose.ADDRESSES, "tls_tally", "sealed", WARD, row)
