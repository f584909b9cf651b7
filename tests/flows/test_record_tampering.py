"""Whoever has the database in his hands, and the keys not, leaves a trace; on both databases.

Each story tampers with rows that were sealed, checks with the appliance, and checks an export once more with
the stand-alone program that the ward has.
"""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from peewee import fn

from appliance import audit, clock, db
from appliance.config import Config
from appliance.errors import TreeBroken
from appliance.models import Audit, AuditCheckpoint, AuditCosignature, AuditLeaf, AuditNode
from appliance.record import dating, export, leaf, retention, seal, trust, verify, witness
from appliance.record.verify import Kind
from tests.flows.test_record import act, sealed

ROOT = Path(__file__).resolve().parents[2]
OFFICE = ROOT / "docs" / "verify_audit.py"


@pytest.fixture
def record(database: Config) -> Config:
    """700 acts of a school year, sealed in three rounds, cosigned."""
    for many in (300, 250, 150):
        act(many)
        sealed(database)
    witness.cosign(database, trust.witness(database), clock.now())
    return database


def office(config: Config, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The ward checks an export on a computer of its own."""
    folder = config.secrets_dir.parent / "export"
    export.export(folder)
    keys = [part for key in trust.trusted(config) for part in ("--key", key.text)]
    return subprocess.run(
        [sys.executable, "-I", OFFICE, folder, *keys, *map(str, arguments)], capture_output=True, text=True
    )


def found(config: Config, *against: str) -> verify.Difference | None:
    return verify.verify(config, against=against).difference


def forget_witness(config: Config) -> None:
    trust.witness_file(config).unlink()


def place(position: int) -> AuditLeaf:
    return AuditLeaf.get(AuditLeaf.position == position)


def rehash(position: int) -> None:
    """The forger knows how hashes are made."""
    record_id = place(position).audit_id
    (row,) = db.statement(f"SELECT {', '.join(leaf.COLUMNS)} FROM audit WHERE id = ?", record_id).fetchall()
    AuditLeaf.update(hash=leaf.hash_of(row)).where(AuditLeaf.position == position).execute()


def alter(_: Config) -> None:
    Audit.update(account_id=8).where(Audit.id == place(400).audit_id).execute()


def alter_with_hash(config: Config) -> None:
    alter(config)
    rehash(400)


def delete(_: Config) -> None:
    Audit.delete().where(Audit.id == place(400).audit_id).execute()


def delete_with_hash(config: Config) -> None:
    delete(config)
    AuditLeaf.delete().where(AuditLeaf.position == 400).execute()


def delete_and_close_the_gap(config: Config) -> None:
    delete_with_hash(config)
    for row in AuditLeaf.select().where(AuditLeaf.position > 400).order_by(AuditLeaf.position):
        AuditLeaf.update(position=row.position - 1).where(AuditLeaf.position == row.position).execute()


def insert(_: Config) -> None:
    """A record that nobody wrote, put between two others."""
    row = Audit.select().dicts().where(Audit.id == place(400).audit_id).get()
    row["id"] = Audit.select(fn.MAX(Audit.id)).scalar() + 1
    Audit.insert(**row).execute()
    for each in AuditLeaf.select().where(AuditLeaf.position >= 400).order_by(AuditLeaf.position.desc()):
        AuditLeaf.update(position=each.position + 1).where(AuditLeaf.position == each.position).execute()
    AuditLeaf.create(position=400, audit_id=row["id"], hash=b"")
    rehash(400)


def append(_: Config) -> None:
    """Behind the end, with a hash but without a signature."""
    act()
    AuditLeaf.create(position=700, audit_id=Audit.select(fn.MAX(Audit.id)).scalar(), hash=b"")
    rehash(700)


def reorder(_: Config) -> None:
    one, other = place(400), place(401)
    AuditLeaf.update(audit_id=-1, hash=other.hash).where(AuditLeaf.position == 400).execute()
    AuditLeaf.update(audit_id=one.audit_id, hash=one.hash).where(AuditLeaf.position == 401).execute()
    AuditLeaf.update(audit_id=other.audit_id).where(AuditLeaf.position == 400).execute()


def truncate(_: Config) -> None:
    ids = AuditLeaf.select(AuditLeaf.audit_id).where(AuditLeaf.position >= 600)
    Audit.delete().where(Audit.id.in_(ids)).execute()
    AuditLeaf.delete().where(AuditLeaf.position >= 600).execute()


def forge_checkpoint(_: Config) -> None:
    row = AuditCheckpoint.get(AuditCheckpoint.size == 550)
    AuditCheckpoint.update(note=row.note.replace("\n550\n", "\n551\n")).where(
        AuditCheckpoint.size == 550
    ).execute()


STORIES = [
    (alter, Kind.ALTERED, 400, "between place 300 and place 549"),
    (alter_with_hash, Kind.REWRITTEN, None, "between place 300 and place 549"),
    (delete, Kind.DELETED, 400, "place 400 is gone"),
    (delete_with_hash, Kind.GAP, 400, "between place 300 and place 549"),
    (delete_and_close_the_gap, Kind.REWRITTEN, None, "between place 300 and place 549"),
    (insert, Kind.REWRITTEN, None, "between place 300 and place 549"),
    (append, Kind.UNSIGNED, 700, "under no checkpoint"),
    (reorder, Kind.REWRITTEN, None, "between place 300 and place 549"),
    (truncate, Kind.TRUNCATED, 600, "the end is missing"),
    (forge_checkpoint, Kind.FORGED, None, "line 2: the signature"),
]


def test_an_untouched_record_is_as_it_was_signed(record: Config) -> None:
    act(3)
    report = verify.verify(record)
    assert report.difference is None
    assert (report.records, report.checkpoints, report.cosigned, report.against) == (700, 3, 1, 1)
    assert report.waiting == 3
    checked = office(record, "--checkpoint", trust.witness_file(record))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "700 records" in checked.stdout


@pytest.mark.parametrize(
    ("tamper", "kind", "position", "told"), STORIES, ids=[story[0].__name__ for story in STORIES]
)
def test_what_was_tampered_with_is_found_and_named(
    record: Config, tamper: Callable[[Config], None], kind: Kind, position: int | None, told: str
) -> None:
    forget_witness(record)  # nobody outside helps
    tamper(record)
    difference = found(record)
    assert difference is not None
    assert (difference.kind, difference.position) == (kind, position)
    checked = office(record)
    assert (checked.returncode, told in checked.stdout) == (3, True), checked.stdout + checked.stderr


def roll_back() -> None:
    """The database as it was at 550 records, consistent in itself, as a restored backup is."""
    truncate_from = 550
    ids = AuditLeaf.select(AuditLeaf.audit_id).where(AuditLeaf.position >= truncate_from)
    Audit.delete().where(Audit.id.in_(ids)).execute()
    AuditLeaf.delete().where(AuditLeaf.position >= truncate_from).execute()
    AuditNode.delete().where(AuditNode.position >= truncate_from >> 8).execute()
    AuditCosignature.delete().where(AuditCosignature.size > truncate_from).execute()
    AuditCheckpoint.delete().where(AuditCheckpoint.size > truncate_from).execute()


def test_a_database_that_was_rolled_back_is_found_by_who_saw_more(record: Config) -> None:
    mailed = trust.witness_file(record).read_text(encoding="utf-8")
    kept = record.secrets_dir.parent / "mailed.txt"
    kept.write_text(mailed, encoding="utf-8")
    roll_back()
    with pytest.raises(TreeBroken, match="rolled back"):
        witness.cosign(record, trust.witness(record), clock.now())
    assert found(record).kind is Kind.ROLLED_BACK  # type: ignore[union-attr]
    forget_witness(record)
    assert found(record) is None, "in itself it is whole"
    assert found(record, mailed).kind is Kind.ROLLED_BACK  # type: ignore[union-attr]
    checked = office(record, "--checkpoint", kept)
    assert (checked.returncode, "you kept" in checked.stdout) == (3, True)


def test_a_history_written_anew_after_the_rollback_is_not_cosigned(record: Config) -> None:
    """The forger has even the sealer's key, and lets it sign another history of the same length."""
    mailed = trust.witness_file(record).read_text(encoding="utf-8")
    roll_back()
    act(200)
    sealed(record)
    with pytest.raises(TreeBroken, match="does not continue"):
        witness.cosign(record, trust.witness(record), clock.now())
    difference = found(record, mailed)
    assert difference is not None
    assert (difference.kind, difference.size, difference.after_size) == (Kind.ROLLED_BACK, 700, 550)


def test_a_record_dated_back_behind_a_checkpoint_is_found(record: Config) -> None:
    with time_machine.travel(clock.now() - timedelta(days=2), tick=True):
        act()
    sealed(record)
    difference = found(record)
    assert difference is not None
    assert (difference.kind, difference.position) == (Kind.BACKDATED, 700)
    checked = office(record)
    assert (checked.returncode, "the record at place 700 has a time before" in checked.stdout) == (3, True)


def test_a_record_dated_back_hides_nothing_that_comes_after_it(record: Config) -> None:
    with time_machine.travel(clock.now() - timedelta(days=2), tick=True):
        act()
    sealed(record)
    act(20)
    sealed(record)
    Audit.delete().where(Audit.id == place(710).audit_id).execute()
    report = verify.verify(record)
    assert report.difference.kind is Kind.DELETED  # type: ignore[union-attr]
    assert report.beside[Kind.BACKDATED].position == 700


def test_a_record_dated_back_at_which_somebody_has_looked_is_counted_and_no_alarm(record: Config) -> None:
    with time_machine.travel(clock.now() - timedelta(days=2), tick=True):
        act()
    sealed(record)
    dating.examine(700, 700)
    sealed(record)
    report = verify.verify(record)
    assert (report.difference, report.examined) == (None, 1)
    checked = office(record)
    assert (checked.returncode, "1 say a wrong time" in checked.stdout) == (0, True), checked.stdout


def test_a_sealer_that_stands_still_for_a_day_is_found(record: Config) -> None:
    act()
    with time_machine.travel(clock.now() + timedelta(days=2), tick=True):
        assert found(record).kind is Kind.NOT_SEALED  # type: ignore[union-attr]


# --- time is over


@pytest.fixture
def years(database: Config) -> Config:
    """400 acts three and a half years ago, 100 last month, 20 today."""
    today = clock.now()
    for days, many in ((1300, 250), (1280, 150), (30, 100), (0, 20)):
        with time_machine.travel(today - timedelta(days=days), tick=True):
            act(many)
            sealed(database)
    return database


def test_after_three_years_records_go_and_what_they_prove_stays(years: Config) -> None:
    for _ in range(2):
        assert retention.expire(years, clock.now()) == 0, "it is announced once, and waits for the sealer"
    last = Audit.select().order_by(Audit.id.desc()).get()
    assert (last.act, last.role, last.object_id) == (audit.Act.RECORDS_EXPIRED, "operator", 400)
    sealed(years)
    assert retention.expire(years, clock.now()) == 400
    assert retention.expire(years, clock.now()) == 0
    report = verify.verify(years)
    assert report.difference is None
    assert (report.records, report.expired, Audit.select().count()) == (521, 400, 121)
    checked = office(years)
    assert checked.returncode == 0, checked.stdout
    assert "400 of them over time" in checked.stdout


def test_a_clock_that_was_years_behind_deletes_nothing(database: Config) -> None:
    """A battery was empty: one checkpoint of today says that it is four years old."""
    act(50)
    sealed(database)
    with time_machine.travel(clock.now() - timedelta(days=1500), tick=True):
        act(5)
        sealed(database)
    for _ in range(3):
        assert retention.expire(database, clock.now()) == 0
        sealed(database)
    assert not Audit.select().where(Audit.act == audit.Act.RECORDS_EXPIRED).exists()


def test_a_deletion_before_its_time_is_found_although_it_was_recorded(years: Config) -> None:
    hasty = years.model_copy(update={"audit": years.audit.model_copy(update={"keep_days": 20})})
    retention.expire(hasty, clock.now())
    sealed(years)
    assert found(years) is None, "said, and not done"
    assert retention.expire(hasty, clock.now()) == 500
    assert found(years).kind is Kind.EXPIRED_EARLY  # type: ignore[union-attr]
    assert office(years).returncode == 3


def announce(border: int, days: int, **who: str) -> None:
    """The forger writes such a record, with a time of his own."""
    Audit.create(
        **{"role": "operator", "zone": "cli", "network": "console"} | who,
        at=clock.now() + timedelta(days=days), act=audit.Act.RECORDS_EXPIRED, object_kind="position",
        object_id=border, result="ok",
    )  # fmt: skip


def forget_before(border: int) -> None:
    ids = AuditLeaf.select(AuditLeaf.audit_id).where(AuditLeaf.position < border)
    Audit.delete().where(Audit.id.in_(ids)).execute()


@pytest.mark.parametrize("days", [0, 1500], ids=["today", "in four years"])
@pytest.mark.parametrize("is_sealed", [False, True], ids=["not sealed", "sealed"])
def test_who_announces_a_deletion_with_a_time_of_his_own_is_found(
    record: Config, days: int, is_sealed: bool
) -> None:
    announce(550, days)
    if is_sealed:
        sealed(record)
    forget_before(550)
    difference = found(record)
    assert difference is not None
    assert (difference.kind, difference.position) == (Kind.EXPIRED_EARLY, 550)
    assert office(record).returncode == 3


def test_a_site_that_was_taken_over_neither_deletes_nor_stops_the_deletion(years: Config) -> None:
    announce(520, 0, zone="admin")
    sealed(years)
    assert found(years) is None
    assert retention.expire(years, clock.now()) == 0
    sealed(years)
    assert retention.expire(years, clock.now()) == 400
    assert found(years) is None
    forget_before(520)
    assert found(years).kind is Kind.DELETED  # type: ignore[union-attr]
    assert office(years).returncode == 3


def test_a_first_deletion_after_years_keeps_the_checkpoint_on_which_it_rests(database: Config) -> None:
    """Two checkpoints of one day, the border between them, and no night before that thinned them."""
    today = clock.now()
    edge = today - timedelta(days=database.audit.keep_days)
    for at in (edge - timedelta(days=1), edge - timedelta(minutes=2), edge + timedelta(minutes=2), today):
        with time_machine.travel(at, tick=True):
            act(50)
            sealed(database)
    retention.expire(database, today)
    sealed(database)
    assert retention.expire(database, today) >= 50
    sealed(database)
    assert found(database) is None
    assert office(database).returncode == 0


def test_of_old_checkpoints_each_days_last_stays(years: Config) -> None:
    old = AuditCheckpoint.get(AuditCheckpoint.size == 400)
    AuditCheckpoint.update(at=old.at + timedelta(seconds=1)).where(AuditCheckpoint.size == 250).execute()
    assert retention.thin(clock.now()) == 1
    assert [row.size for row in AuditCheckpoint.select().order_by(AuditCheckpoint.size)] == [400, 500, 520]
    assert found(years) is None


def test_a_backlog_that_is_sealed_in_rounds_is_not_taken_for_dated_back(
    database: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day on which sealing begins, with years of records."""
    monkeypatch.setattr(seal, "ROUND_ROWS", 7)
    with time_machine.travel(clock.now() - timedelta(days=400), tick=True):
        act(30)
    while sealed(database):
        pass
    assert AuditCheckpoint.select().count() == 5
    assert found(database) is None


def test_sealing_in_rounds_ends_as_sealing_at_once(record: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "ROUND_ROWS", 7)
    act(30)
    while sealed(record):
        pass
    assert found(record) is None
