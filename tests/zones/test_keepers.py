"""Sealer, witness and watch on a real PostgreSQL: each does its work and nothing besides."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import psycopg
import pytest

from appliance import audit as acts
from appliance import clock, db, fault, grants
from appliance.config import Config, Keeper
from appliance.fault import Seen
from appliance.grants.table import HOLDERS, Holder
from appliance.keys import secrets
from appliance.models import ALL, Audit, AuditCheckpoint, AuditCosignature, AuditLeaf, Fault
from appliance.record import seal, standing, trust, verify, witness
from cli.watch.figures import Figures
from tests.web.staff.ward import Ward

ENGINE = db._engine
TREE = {"audit_leaf", "audit_node", "audit_checkpoint"}
BARE = {(grants.BARE, "select")}  # to refuse a schema that is not the program's
MAY: dict[Keeper, set[tuple[str, str]]] = {
    Keeper.SEALER: set(product(TREE, ("select", "insert"))) | {("audit", "select")} | BARE,
    Keeper.WITNESS: set(product(TREE, ("select",)))
    | {("audit_cosignature", "select"), ("audit_cosignature", "insert")}
    | BARE,
    Keeper.WATCH: set(product(("worker", "alarm"), ("select",)))
    | set(product(("fault",), ("select", "insert", "update", "delete")))
    | BARE,
}
DEEDS = {
    "select": "SELECT * FROM {table}",
    "insert": "INSERT INTO {table} SELECT * FROM {table} WHERE false",
    "update": "UPDATE {table} SET {column} = {column} WHERE false",
    "delete": "DELETE FROM {table} WHERE false",
    "truncate": "TRUNCATE {table} CASCADE",
}
ELSEWHERE = (
    "CREATE TABLE mine (x int)",
    "CREATE TEMPORARY TABLE mine (x int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE audit DISABLE ROW LEVEL SECURITY",
    "SET ROLE karamail",
    "SET ROLE karamail_admin",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY audit_leaf FROM PROGRAM 'true'",
)


@pytest.fixture
def config(ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """The ward has acted. Whatever a test does by `db`, it does as whom it connected as last.

    With the program's own connections: elsewhere tests change roles by what code is running.
    """
    with db.transaction():
        for _ in range(3):
            acts.record_operation(acts.Act.RECORDS_EXPORTED, "record", None)
    monkeypatch.setattr(db, "_engine", ENGINE)
    audit = ward.config.audit.model_copy(update={"witness_file": tmp_path / "witness.note"})
    yield ward.config.model_copy(update={"audit": audit})
    as_owner(ward.config)


def as_keeper(config: Config, keeper: Keeper) -> None:
    db.vanish()
    db.connect(config, keeper)


def as_owner(config: Config) -> None:
    db.vanish()
    db.connect(config)


def test_the_sealer_seals_and_the_witness_cosigns_each_as_its_own_role(config: Config) -> None:
    as_keeper(config, Keeper.SEALER)
    assert db.statement("SELECT current_user").fetchone()[0] == "karamail_audit"
    sealed = seal.seal(config, trust.sealer(config), clock.now(), everywhere=True)
    as_keeper(config, Keeper.WITNESS)
    assert db.statement("SELECT current_user").fetchone()[0] == "karamail_witness"
    assert witness.cosign(config, trust.witness(config), clock.now()) == sealed
    as_owner(config)
    assert sealed == Audit.select().count() == AuditLeaf.select().count() == 3
    assert (AuditCheckpoint.select().count(), AuditCosignature.select().count()) == (1, 1)
    report = verify.verify(config)
    assert (report.difference, report.cosigned) == (None, 1)


def test_neither_does_the_others_work(config: Config) -> None:
    as_keeper(config, Keeper.WITNESS)
    with pytest.raises(Exception, match="permission denied for table audit"):
        seal.seal(config, trust.sealer(config), clock.now(), everywhere=True)
    as_keeper(config, Keeper.SEALER)
    seal.seal(config, trust.sealer(config), clock.now(), everywhere=True)
    with pytest.raises(Exception, match="permission denied for table audit_cosignature"):
        witness.cosign(config, trust.witness(config), clock.now())


def test_a_witness_writes_nothing_longer_than_a_signature(config: Config) -> None:
    as_keeper(config, Keeper.SEALER)
    sealed = seal.seal(config, trust.sealer(config), clock.now(), everywhere=True)
    as_keeper(config, Keeper.WITNESS)
    for name, line in (("x" * 301, "x"), ("x", "x" * 601)):
        with pytest.raises(Exception, match="row-level security"):
            AuditCosignature.create(size=sealed, name=name, line=line)


def test_the_doctor_names_who_holds_the_tree_while_records_wait(config: Config) -> None:
    """Only whoever has the sealer's own role can: a place that it gives is not given twice."""
    db.statement("UPDATE audit SET at = at - 3600000000")
    assert standing.look(config, clock.now()).holders == []
    with _connection(config, Keeper.SEALER) as him, him.transaction(force_rollback=True):
        him.execute("INSERT INTO audit_leaf (position, audit_id, hash) VALUES (0, 1, 'x')")
        held = standing.look(config, clock.now()).holders
        assert held == [f"karamail_audit (process {him.info.backend_pid})"]


def test_the_watch_sees_how_mail_fares_and_not_whose_it_is(config: Config) -> None:
    as_keeper(config, Keeper.WATCH)
    families = {family.name for family in Figures(config).collect()}
    assert {"karamail_overdue_seconds", "karamail_waiting", "karamail_workers"} <= families
    fault.notice([Seen("NodeSilent", "n2", "", "broken", "n2 does not answer", "look")], clock.now())
    for what in (
        "address_id FROM delivery",
        "subject FROM broadcast",
        "sealed FROM address",
        "code FROM code_pause",
    ):
        with pytest.raises(Exception, match="permission denied"):
            db.statement(f"SELECT {what}")
    as_owner(config)
    assert Fault.select().count() == 1


@pytest.mark.parametrize("keeper", Keeper)
def test_every_other_deed_on_every_table_is_refused(config: Config, keeper: Keeper) -> None:
    tables = {model._meta.table_name: model._meta.sorted_fields[0].column_name for model in ALL}
    tables[grants.BARE] = "name"
    with _connection(config, keeper) as connection:
        could = {
            (table, verb)
            for (table, column), (verb, deed) in product(tables.items(), DEEDS.items())
            if _may(connection, deed.format(table=table, column=column))
        }
        assert could == MAY[keeper]
        assert [deed for deed in ELSEWHERE if _may(connection, deed)] == []


@pytest.mark.parametrize("keeper", Keeper)
def test_its_password_opens_no_other_role(config: Config, keeper: Keeper) -> None:
    mine = _password(config, keeper)
    for other in HOLDERS:
        if other is not keeper:
            assert _password(config, other) != mine


def _password(config: Config, holder: Holder) -> str:
    return secrets.text(config.secrets_dir / holder.value, secrets.ROLE_PASSWORD)


def _connection(config: Config, keeper: Keeper) -> psycopg.Connection:
    return psycopg.connect(
        config.database.url,
        user=grants.role_name(config, keeper),
        password=_password(config, keeper),
        autocommit=True,
    )


def _may(connection: psycopg.Connection, statement: str) -> bool:
    """Whether PostgreSQL lets him; what he did is undone. Any other fault is the test's."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
