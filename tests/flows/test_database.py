"""The database under the house: schema, transactions, outages; on SQLite and PostgreSQL."""

import os
import shutil
import signal
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from peewee import IntegrityError, OperationalError
from playhouse.reflection import Introspector

from appliance import clock, db, keystore
from appliance.config import Config, Zone
from appliance.errors import DatabaseUnavailable, KeyRefused, OperatorError, SchemaMismatch
from appliance.keys import Purpose, create_secrets
from appliance.models import ALL, Audit, School, SchoolKey, ZoneKey
from appliance.models.base import database as proxy
from tests.support.postgres import Cluster
from tests.support.settings import settings

KINDS = {
    "int": {"BIGINT", "INTEGER", "SMALLINT", "INT", "AUTO"},
    "bytes": {"BLOB", "BYTEA"},
    "text": {"TEXT"},
    "bool": {"BOOLEAN", "BOOL"},
}


def kind_of(column_type: str) -> str:
    """What a column of that SQL type holds."""
    return next(kind for kind, words in KINDS.items() if column_type.upper() in words)


def school(name: str = "みどり小学校") -> School:
    made: School = School.create(kind="elementary", name=name, name_en="Midori", created_at=clock.now())
    return made


# --- the schema


def test_the_migrations_and_the_models_tell_the_same(database: Config) -> None:
    """Same tables, same columns, the same of them may be empty, the same are foreign keys."""
    tables = set(proxy.get_tables()) - {"schema_migration", "sqlite_sequence"}
    assert tables == {model._meta.table_name for model in ALL}
    for model in ALL:
        table = model._meta.table_name
        written = {
            column.name: column.null and not _counts_itself(column) for column in proxy.get_columns(table)
        }
        meant = {field.column_name: field.null for field in model._meta.sorted_fields}
        assert written == meant, table
        keys = {(key.column, key.dest_table) for key in proxy.get_foreign_keys(table)}
        assert keys == {
            (field.column_name, field.rel_model._meta.table_name) for field in model._meta.refs
        }, table


def _counts_itself(column: object) -> bool:
    """SQLite says that its own row number may be null; it never is."""
    return column.primary_key and column.data_type == "INTEGER"


def test_the_columns_hold_what_the_models_put_there(database: Config) -> None:
    found = Introspector.from_database(proxy.obj).introspect()
    for model in ALL:
        for field in model._meta.sorted_fields:
            column = found.columns[model._meta.table_name][field.column_name]
            end = field
            while hasattr(end, "rel_field"):
                end = end.rel_field
            written, meant = kind_of(column.raw_column_type), kind_of(end.field_type)
            assert written == meant or (written, meant) == ("int", "bool"), f"{model}.{field.name}"


def test_migrating_again_does_nothing(database: Config) -> None:
    school()
    assert db.migrate() == []
    db.check_schema()
    assert School.select().count() == 1


def test_a_database_without_the_schema_says_what_to_run(tmp_path: Path) -> None:
    db.connect(settings(tmp_path, f"sqlite:///{tmp_path}/empty.db"))
    try:
        with pytest.raises(SchemaMismatch, match=r"lacks 0001_initial.*: run `karamail db migrate`"):
            db.check_schema()
        assert db.migrate()[0] == "0001_initial"
        db.check_schema()
    finally:
        db.vanish()


def applied(name: str) -> None:
    db.statement("INSERT INTO schema_migration (name, applied) VALUES (?, ?)", name, "2030-01-01 00:00:00")


def test_a_newer_program_has_added_something_and_this_one_goes_on(database: Config) -> None:
    applied("9998_another_table")
    db.check_schema()


@pytest.mark.parametrize("name", ["9999_column_gone_contract", "0000_of_another_kind"])
def test_a_newer_program_has_taken_something_away_and_this_one_leaves_the_database_alone(
    database: Config, name: str
) -> None:
    applied("9998_another_table")
    applied(name)
    with pytest.raises(SchemaMismatch, match=f"has {name}, unknown here: install the newer Karamail"):
        db.check_schema()


# --- transactions


def broken_off(name: str) -> None:
    """A transaction that a fault of the program ends."""
    with db.transaction():
        school(name)
        raise ZeroDivisionError


def test_all_or_nothing(database: Config) -> None:
    with pytest.raises(ZeroDivisionError):
        broken_off("みどり小学校")
    assert School.select().count() == 0


def test_an_inner_fault_that_is_caught_undoes_only_the_inner_part(database: Config) -> None:
    with db.transaction():
        school("外")
        with pytest.raises(ZeroDivisionError):
            broken_off("内")
    assert [row.name for row in School.select()] == ["外"]


def test_the_rules_of_the_schema_hold_on_both_engines(database: Config) -> None:
    """What no code path may write, not even a wrong one."""
    with pytest.raises(IntegrityError), db.transaction():
        School.create(kind="university", name="x", name_en="x", created_at=clock.now())
    with pytest.raises(IntegrityError), db.transaction():
        db.statement("INSERT INTO school_class (school_id, grade, label, sort_key) VALUES (99, '1', '1', 1)")


def test_a_moment_and_bytes_come_back_as_they_went_in(database: Config) -> None:
    now = clock.now()
    SchoolKey.create(school_id=3, purpose=Purpose.NAMES, public=bytes(range(256)), created_at=now)
    found = SchoolKey.get()
    assert (bytes(found.public), found.created_at) == (bytes(range(256)), now)


def test_a_child_of_fork_has_connections_of_its_own(database: Config) -> None:
    school()
    db.vanish()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if School.select().count() == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert School.select().count() == 1


# --- outages


def interrupted(trouble: Callable[[], None]) -> None:
    """A transaction in the middle of which something happens to the server."""
    with db.transaction():
        school("途中")
        trouble()
        school("後")


@pytest.mark.postgres
def test_a_lost_server_is_said_nothing_is_half_done_and_it_comes_back(tmp_path: Path) -> None:
    with Cluster(durable=True) as cluster:
        db.connect(settings(tmp_path, cluster.create("karamail")))
        try:
            db.migrate()
            school("前")
            with pytest.raises(DatabaseUnavailable):
                interrupted(lambda: crash(cluster))
            with pytest.raises(DatabaseUnavailable), db.transaction():
                school("暗闇")
            with pytest.raises(DatabaseUnavailable), db.guarded():
                School.select().count()
            cluster._started(cluster.folder / "data")
            db.connect(settings(tmp_path, cluster.url("karamail")))
            assert [row.name for row in School.select()] == ["前"]
            with db.transaction():
                school("再開")
            assert School.select().count() == 2
        finally:
            db.vanish()


@pytest.mark.postgres
def test_a_failover_in_the_middle_of_a_transaction_undoes_it(postgres_url: str, tmp_path: Path) -> None:
    """The server ends our connections and takes new ones."""
    db.connect(settings(tmp_path, postgres_url))
    try:
        with pytest.raises(DatabaseUnavailable):
            interrupted(lambda: end_connections(postgres_url))
        with db.transaction():
            school("再開")
        assert [row.name for row in School.select()] == ["再開"]
    finally:
        db.vanish()


def written() -> int:
    with db.transaction():
        return school().id


@pytest.mark.postgres
@pytest.mark.parametrize("held", [True, False], ids=["a thread's own", "of the pool"])
@pytest.mark.parametrize("use", [School.select().count, written], ids=["read", "written"])
def test_a_failover_between_two_transactions_is_nobodys_business(
    postgres_url: str, tmp_path: Path, use: Callable[[], int], held: bool
) -> None:
    """The next mail or page gets a new connection instead of an error, an hour later, too."""
    db.connect(settings(tmp_path, postgres_url))
    try:
        written()
        if not held:
            db.close()
        assert end_connections(postgres_url) == 1
        assert use() >= 1
        assert end_connections(postgres_url) == 1  # what was ended was not kept
    finally:
        db.vanish()


def crash(cluster: Cluster) -> None:
    """The server is gone, as by kill -9 of the machine."""
    assert cluster._server is not None
    cluster._server.send_signal(signal.SIGQUIT)
    cluster._server.wait(20)


def end_connections(url: str) -> int:
    """Ours are ended when it returns: how many there were."""
    with psycopg.connect(url, autocommit=True) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"  # autovacuum comes when it likes
        )
        return len(ended.fetchall())


@pytest.mark.postgres
def test_a_password_file_that_is_empty_is_the_operators_business(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("")
    loaded = settings(tmp_path, "postgresql://karamail@127.0.0.1:1/x")
    wrong = loaded.model_copy(
        update={"database": loaded.database.model_copy(update={"password_file": tmp_path / "password"})}
    )
    with pytest.raises(OperatorError, match="expected the database password in its first line"):
        db.connect(wrong)


# --- the zones' keys in the database


def test_every_school_has_both_keys_wrapped_for_those_who_may_open(database: Config) -> None:
    keystore.publish_zone_keys(database.secrets_dir)
    store = keystore.DatabaseKeyStore()
    for purpose, zones in ((Purpose.NAMES, {Zone.ADMIN}), (Purpose.ADDRESSES, {Zone.ADMIN, Zone.MAIL})):
        for zone in Zone:
            if zone in zones:
                assert store.wrapped(keystore.WARD, purpose, zone)
            else:
                with pytest.raises(KeyRefused):
                    store.wrapped(keystore.WARD, purpose, zone)


def test_publishing_the_same_keys_again_changes_nothing(database: Config) -> None:
    keystore.publish_zone_keys(database.secrets_dir)
    before = [(row.zone, bytes(row.public)) for row in ZoneKey.select()]
    keystore.publish_zone_keys(database.secrets_dir)
    assert [(row.zone, bytes(row.public)) for row in ZoneKey.select()] == before
    assert SchoolKey.select().count() == 2


def test_a_zone_key_that_is_not_this_databases_is_refused_with_what_to_do(database: Config) -> None:
    """Somebody restored the database and not the secrets: new keys would lose every name."""
    keystore.publish_zone_keys(database.secrets_dir)
    shutil.rmtree(database.secrets_dir / "admin")
    create_secrets(database.secrets_dir)
    with pytest.raises(OperatorError) as refusal:
        keystore.publish_zone_keys(database.secrets_dir)
    assert str(database.secrets_dir / "admin" / "zone.key") in str(refusal.value)
    assert "Restore that file from the key backup" in str(refusal.value)


def test_a_school_before_any_keys_is_refused_with_what_to_run(database: Config) -> None:
    with pytest.raises(OperatorError, match="karamail keys create"):
        keystore.create_keys(5)
    assert Audit.select().count() == 0


def test_who_asks_right_after_a_vain_try_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs up on everybody is asked once, and again a second later."""
    asked: list[object] = []

    class HangsUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), HangsUp) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"postgresql://karamail@127.0.0.1:{server.server_address[1]}/karamail?sslmode=disable"
        away = db._Postgresql(url, prefer_psycopg3=True, gssencmode="disable")
        for now_s, expected in ((100.0, 1), (100.5, 1), (101.0, 2)):
            monkeypatch.setattr(clock, "monotonic", lambda now_s=now_s: now_s)
            with pytest.raises(OperationalError):
                away.connect()
            assert len(asked) == expected
        server.shutdown()
