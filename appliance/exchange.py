"""The exchange of every secret, with all that is sealed by them, when a machine is gone or a year has passed.

Owns which column is sealed for whom and found how, and the order: a whole new set of secrets lies beside the
old one, one transaction seals everything anew, then the new files take the place of the old. Interrupted
anywhere, the next run goes on where this one stood, because the database says whose keys it is sealed to. The
keys that sign the operation record are among the new ones; those of before count for what they have signed.
Refuses the DKIM keys: their public half waits in the world for nobody. Nobody else may run meanwhile: a
process with old keys seals what no new one opens. Fails with `KeyRefused` and `OperatorError`, and then
nothing has changed.

docs/decisions/0141-all-secrets-are-exchanged-at-once.md and
docs/decisions/0147-keys-of-the-record-count-until-they-are-exchanged.md
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import address, audit, clock, db, keystore, token
from appliance.account import one_time
from appliance.config import Config, Zone
from appliance.errors import OperatorError
from appliance.keys import Keyring, Purpose, Slot, name_form, record, secrets, signing
from appliance.models import (
    Address,
    BudgetUse,
    Child,
    Inquiry,
    MtaStsPolicy,
    Prepared,
    Registration,
    StaffSession,
    TlsReport,
    TlsTally,
)
from appliance.models.base import Table
from appliance.record import tree, trust
from appliance.registration.request import link_token, site_label
from appliance.states import RegistrationState
from appliance.transport import domain_index

_NEXT, _DONE = "next", "next.done"
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """A sealed column: in whose slot a row is, and the columns that follow from the opened value."""

    table: type[Table]
    name: str
    purpose: Purpose
    school: Callable[[Any], int]
    follows: tuple[str, ...] = ()
    follow: Callable[[Keyring, Any, str], tuple[object, ...]] = lambda _keyring, _row, _text: ()


def _of_school(row: Any) -> int:
    return int(row.school_id)


def _of_ward(_row: Any) -> int:
    return keystore.WARD


def _address(keyring: Keyring, row: Address, text: str) -> tuple[object, ...]:
    read = address.read(text)
    site = site_label(keyring, read) if row.site.startswith("other-") else row.site
    return keyring.index(Purpose.ADDRESSES, read.index_form), site


def _child(keyring: Keyring, row: Child, text: str) -> tuple[object, ...]:
    known = not row.unrecognised  # what is not yet recognised has noise there, and keeps it
    return (keyring.index(Purpose.NAMES, name_form(text)) if known else row.name_index,)


def _domain(keyring: Keyring, _row: Table, text: str) -> tuple[object, ...]:
    return (domain_index(keyring, json.loads(text)[0]),)


COLUMNS = (
    Column(Address, "sealed", Purpose.ADDRESSES, _of_school, ("address_index", "site"), _address),
    Column(Child, "name_sealed", Purpose.NAMES, _of_school, ("name_index",), _child),
    Column(Registration, "guardian_name_sealed", Purpose.NAMES, _of_school),
    Column(Inquiry, "sealed", Purpose.NAMES, _of_school),
    Column(MtaStsPolicy, "sealed", Purpose.ADDRESSES, _of_ward, ("domain_index",), _domain),
    Column(TlsTally, "sealed", Purpose.ADDRESSES, _of_ward, ("domain_index",), _domain),
)
"""Every sealed column but the keys themselves and letters signed ahead, which are signed again."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What was done: values sealed anew, people who log in again, accounts with one-time codes."""

    values: int
    sessions: int
    one_time_codes: int


def exchange(config: Config) -> Exchanged | None:
    """Puts new secrets in place of all old ones; None where an earlier run had only the files left to do.

    Everything must have stopped before. Raises `KeyRefused`, `OperatorError`, `SecretMissing`.
    """
    secrets_dir = config.secrets_dir
    fresh = secrets_dir / _NEXT
    _nobody_works()
    shutil.rmtree(secrets_dir / _DONE, ignore_errors=True)
    secrets.create_secrets(fresh, leave=(signing.FILE,))
    record.create(fresh)
    done = None
    if not keystore.sealed_to(fresh):
        if not keystore.sealed_to(secrets_dir):
            raise OperatorError(
                f"{secrets_dir}: not the keys this database is sealed to. Restore them from the key backup"
            )
        trust.retire(config, tree.size(), fresh)
        with db.transaction():
            done = _seal_anew(secrets_dir, fresh)
            audit.record_operation(audit.Act.SECRETS_EXCHANGED, "secrets", None, values=done.values)
    _take(fresh, secrets_dir)
    return done


def _nobody_works() -> None:
    """Raises `OperatorError` where somebody else of ours has the database open; SQLite cannot tell."""
    if db.engine() != "postgresql":
        return
    rows = db.statement(
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'karamail' AND pid <> pg_backend_pid()"
    ).fetchall()
    if rows:
        names = ", ".join(sorted(str(row[0]) for row in rows))
        raise OperatorError(
            f"still at work in the database: {names}. Stop every zone and keeper, on every node"
        )


def _seal_anew(old_dir: Path, new_dir: Path) -> Exchanged:
    held = keystore.Remembered()
    old = {zone: Keyring.load(zone, old_dir, held) for zone in (Zone.ADMIN, Zone.MAIL, Zone.SENDER)}
    keystore.replace(new_dir)
    store = keystore.DatabaseKeyStore()
    new = {zone: Keyring.load(zone, new_dir, store) for zone in old}
    values = sum(_reseal(column, old[Zone.ADMIN], new[Zone.ADMIN]) for column in COLUMNS)
    codes = one_time.reseal({zone: (old[zone], new[zone]) for zone in (Zone.ADMIN, Zone.SENDER)})
    _renew_links(new[Zone.MAIL])
    for table in (Prepared, BudgetUse, TlsReport):  # found by old keys, and made again by themselves
        table.delete().execute()
    sessions = StaffSession.update(ended_at=clock.now()).where(StaffSession.ended_at.is_null()).execute()
    return Exchanged(values, sessions, codes)


def _reseal(column: Column, old: Keyring, new: Keyring) -> int:
    table, count = column.table, 0
    fields = [getattr(table, name) for name in (column.name, *column.follows)]
    for rows in _batches(column):
        for row in rows:
            slot = Slot(column.purpose, table.table_name(), column.name, column.school(row), row.id)
            text = old.open(slot, bytes(getattr(row, column.name)))
            setattr(row, column.name, new.seal(slot, text))
            for name, value in zip(column.follows, column.follow(new, row, text), strict=True):
                setattr(row, name, value)
        table.bulk_update(rows, fields, batch_size=100)
        count += len(rows)
    return count


def _batches(column: Column) -> Iterator[list[Any]]:
    last, table = -1, column.table
    sealed = getattr(table, column.name)
    while rows := list(
        table.select(table).where(table.id > last, sealed.is_null(False)).order_by(table.id).limit(_BATCH)
    ):
        yield rows
        last = rows[-1].id


def _renew_links(mail: Keyring) -> None:
    """Links that wait have ended: who had the old key could have made them. An empty mail makes a new one."""
    for row in Registration.select(Registration.id).where(Registration.state == RegistrationState.REQUESTED):
        hashed = token.hashed(link_token(mail, row.id))
        Registration.update(token_hash=hashed).where(Registration.id == row.id).execute()


def _take(fresh: Path, secrets_dir: Path) -> None:
    """The new files over the old, each whole; only then is the new set no longer one."""
    for path in sorted(path for path in fresh.rglob("*") if path.is_file()):
        target = secrets_dir / path.relative_to(fresh)
        beside = target.with_name(target.name + ".new")
        shutil.copy(path, beside)
        os.replace(beside, target)
    done = fresh.rename(secrets_dir / _DONE)
    shutil.rmtree(done)
