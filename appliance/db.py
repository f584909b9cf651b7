"""The database: one engine bound to the models, transactions, migrations.

Owns connections, their settings on SQLite and PostgreSQL, and the meaning of a commit. Refuses to know
tables. Fails with `DatabaseUnavailable`: no connection, or a commit of which nobody knows whether a
synchronous standby has it (PostgreSQL says so only in a WARNING); and with `SchemaMismatch` when the schema
is not this program's.
"""

import re
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psycopg
from peewee import (
    Database,
    InterfaceError,
    InternalError,
    OperationalError,
    PeeweeException,
    SqliteDatabase,
)
from playhouse.migrations import Runner
from playhouse.pool import PooledPostgresqlDatabase

from appliance import clock, sqlite
from appliance.config import Config, Keeper, Zone
from appliance.errors import DatabaseUnavailable, OperatorError, SchemaMismatch
from appliance.keys import secrets
from appliance.models.base import database

MIGRATIONS = Path(__file__).parent / "migrations"
_COMMIT_NOT_REPLICATED = "01000"  # SQLSTATE of «canceling wait for synchronous replication»
_LOST = (OperationalError, InterfaceError, InternalError)
_AWAY_S = 0.8
"""Who asks so soon after somebody of this process asked in vain is told the same without waiting: with two
nodes gone each try takes seconds, and whoever waits for one must not then wait for another."""


class _Postgresql(PooledPostgresqlDatabase):  # type: ignore[misc]  # peewee is untyped
    """psycopg 3, and a commit that a standby did not confirm counts as failed."""

    _away_until_s = 0.0

    def _connect(self) -> Any:
        if clock.monotonic() < self._away_until_s:
            raise OperationalError("no connection a moment ago")
        try:
            connection = super()._connect()
        except psycopg.OperationalError:
            self._away_until_s = clock.monotonic() + _AWAY_S
            raise
        if not hasattr(connection, "karamail_warned"):
            connection.karamail_warned = False

            def notice(diagnostic: Any, connection: Any = connection) -> None:
                if (
                    diagnostic.severity_nonlocalized == "WARNING"
                    and diagnostic.sqlstate == _COMMIT_NOT_REPLICATED
                ):
                    connection.karamail_warned = True

            connection.add_notice_handler(notice)
        return connection

    def cursor(self, named_cursor: bool | None = None) -> Any:
        """Between transactions, of a connection that the server has not ended: a failover ends all of them,
        and the one that a thread holds would fail whoever comes next, however long after."""
        if not self.in_transaction() and not self.is_closed() and _ended(self.connection()):
            self.close()  # the pool asks it again, and throws it away
        return super().cursor(named_cursor)

    def commit(self) -> Any:
        connection = self.connection()
        connection.karamail_warned = False
        result = super().commit()
        if connection.karamail_warned:
            raise OperationalError("the commit was not confirmed by a synchronous standby")
        return result


def _ended(connection: Any) -> bool:
    """Whether the server has hung up on an idle connection. Asks this machine only, for a microsecond or two.

    Between statements nothing is to be read, but a notice or an end.
    """
    try:
        for _ in range(2):
            if not _readable(connection.fileno()):
                return False
            connection.pgconn.consume_input()
    except psycopg.Error:
        return True
    return _readable(connection.fileno())


def _readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def connect(config: Config, holder: Zone | Keeper | None = None) -> None:
    """Binds the models to the configured database; connections open when first used, one per thread.

    `holder`: as that zone's or keeper's own PostgreSQL role. Without one, as the role that owns the tables.
    Raises `SecretMissing`, `OperatorError`.
    """
    database.initialize(_engine(config, holder))


def _engine(config: Config, holder: Zone | Keeper | None) -> Database:
    settings = config.database
    if settings.url.startswith("sqlite:///"):
        path = settings.url.removeprefix("sqlite:///")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return SqliteDatabase(
            path,
            timeout=settings.busy_timeout_s,
            pragmas={
                "journal_mode": "wal",
                "synchronous": "full",
                "foreign_keys": 1,
                "secure_delete": 1,
                "cache_size": -32_000,
            },
        )
    timeout_ms = int(settings.statement_timeout_s * 1000)
    options: dict[str, Any] = {
        "prefer_psycopg3": True,
        "max_connections": 64,
        "stale_timeout": 300,
        "connect_timeout": 2,
        "target_session_attrs": "read-write",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "application_name": "karamail",
        # A process that freezes inside a transaction gives its locks back before others have waited too long.
        "options": f"-c statement_timeout={timeout_ms}"
        f" -c idle_in_transaction_session_timeout={timeout_ms // 2} -c timezone=UTC",
    }
    if holder is not None and settings.zone_role_prefix:
        options["user"] = f"{settings.zone_role_prefix}{holder.value}"
        folder = secrets.directory(config.secrets_dir, holder)
        options["password"] = secrets.text(folder, secrets.ROLE_PASSWORD)
    elif settings.password_file is not None:
        try:
            options["password"] = settings.password_file.read_text().splitlines()[0]
        except (OSError, IndexError):
            raise OperatorError(
                f"{settings.password_file}: expected the database password in its first line"
            ) from None
    return _Postgresql(settings.url, **options)


def engine() -> Literal["sqlite", "postgresql"]:
    """Which of the two this process talks to."""
    return "sqlite" if isinstance(database.obj, SqliteDatabase) else "postgresql"


def align_clock() -> None:
    """This process goes by PostgreSQL's clock, as all workers do: leases mean the same on every node.

    Good to the time of a round trip. A no-op on SQLite, where there is one machine. Raises
    `DatabaseUnavailable`.
    """
    if engine() == "sqlite":
        return
    with guarded():
        asked = datetime.now(UTC)
        (told,) = database.execute_sql("SELECT clock_timestamp()").fetchone()
        heard = datetime.now(UTC)
    clock.follow(told - (asked + (heard - asked) / 2))


@contextmanager
def transaction() -> Iterator[None]:
    """All or nothing. When it returns, the commit is on disk. Raises `DatabaseUnavailable`.

    SQLite takes the write lock at once (BEGIN IMMEDIATE): what was read is still true when it is written;
    processes queue up for it in `appliance.sqlite`.
    """
    outermost = not database.in_transaction()
    if engine() == "sqlite" and outermost:
        with guarded(), sqlite.turn(database), database.atomic("IMMEDIATE"):
            yield
    else:
        with guarded(), database.atomic():
            yield


def of_one_moment() -> None:
    """First in a transaction that writes: all that it reads is the database of one moment (SQLite's is)."""
    if engine() == "postgresql":
        database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@contextmanager
def snapshot() -> Iterator[None]:
    """What is read inside is the database of one moment, whoever writes meanwhile. Writes nothing.

    A long reading: PostgreSQL's limit for one statement holds for each of them, not for all.
    """
    with guarded(), database.atomic():
        if engine() == "postgresql":
            database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            database.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


@contextmanager
def guarded() -> Iterator[None]:
    """Turns the driver's ways of losing a connection into `DatabaseUnavailable`, and drops the connection."""
    try:
        yield
    except _LOST as error:
        close()
        raise DatabaseUnavailable("the database did not answer") from error


def close() -> None:
    """Gives this thread's connection back."""
    if database.obj is not None and not database.is_closed():
        try:
            database.close()
        except PeeweeException:
            pass  # already lost; the next use opens another


def vanish() -> None:
    """Closes every connection of this process (before a fork, at the end of a test)."""
    close()
    if isinstance(database.obj, _Postgresql):
        database.obj.close_all()


def skip_locked() -> str:
    """The clause that lets several workers claim side by side; SQLite has one writer and needs none."""
    return "FOR UPDATE SKIP LOCKED" if engine() == "postgresql" else ""


def held(query: Any, lock: str) -> Any:
    """The query with PostgreSQL's row lock, until the commit; SQLite has one writer and needs none."""
    return query.for_update(lock) if engine() == "postgresql" else query


def false() -> str:
    """The literal that a boolean column takes in a written-out statement."""
    return "FALSE" if engine() == "postgresql" else "0"


def statement(sql: str, *parameters: Any) -> Any:
    """Runs one statement written for both engines: `?` marks a parameter."""
    if engine() == "postgresql":
        sql = sql.replace("%", "%%").replace("?", "%s")
    return database.execute_sql(sql, parameters)


def listed(ids: Iterable[int]) -> str:
    """Whole numbers for the parentheses of an IN: our own row ids, never anybody's text."""
    return ",".join([str(int(each)) for each in ids])


def migrate() -> list[str]:
    """Applies what is missing and returns its names. Each migration is one transaction."""
    with guarded():
        applied: list[str] = Runner(database.obj, str(MIGRATIONS)).up()
    return applied


CONTRACT = "_contract"
"""So ends the name of a migration with which the version before cannot live."""


def check_schema() -> None:
    """Raises `SchemaMismatch` when the database is not this program's.

    Beyond its last migration may be those of a newer version, as long as they only add
    (`appliance.migrations`): while a rack is upgraded, and after the way back.
    """
    with guarded():
        status = Runner(database.obj, str(MIGRATIONS)).status()
    missing = [row.name for row in status if not row.applied]
    last = max(row.name for row in status if row.path is not None)
    unknown = [
        row.name for row in status if row.path is None and (row.name < last or row.name.endswith(CONTRACT))
    ]
    if missing:
        raise SchemaMismatch(f"the database lacks {', '.join(missing)}: run `karamail db migrate`")
    if unknown:
        raise SchemaMismatch(
            f"the database has {', '.join(unknown)}, unknown here: install the newer Karamail"
        )


def ddl(script: str) -> None:
    """Runs a migration's statements; `{identity}` and `{blob}` stand for the engine's own words."""
    on_sqlite = engine() == "sqlite"
    words = {
        "identity": "INTEGER PRIMARY KEY AUTOINCREMENT"
        if on_sqlite
        else "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        "blob": "BLOB" if on_sqlite else "BYTEA",
        "boolean": "SMALLINT" if on_sqlite else "BOOLEAN",
        "false": "0" if on_sqlite else "FALSE",
    }
    text = re.sub(r"\{(\w+)\}", lambda match: words[match[1]], script)
    for part in text.split(";"):
        if part.strip():
            database.execute_sql(part)


def allow(table: str, column: str, words: Sequence[str]) -> None:
    """Widens the check on a column of closed words, whatever it allows by now: a step of a migration."""
    added = ", ".join(f"'{word}'" for word in words)
    if engine() == "sqlite":
        listed = re.compile(rf"(\b{column} IN \()([^)]*)(\))")
        _rewrite(table, lambda found: f"{found[1]}{found[2].strip()}, {added}{found[3]}", listed)
        return
    constraint = f"{table}_{column}_check"
    (text,) = statement(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?", constraint
    ).fetchone()
    known = ", ".join(f"'{word}'" for word in re.findall(r"'([a-z_]+)'", text))
    ddl(
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}, "
        f"ADD CONSTRAINT {constraint} CHECK ({column} IN ({known}, {added}))"
    )


def optional(table: str, column: str) -> None:
    """The column may be NULL from now on: a step of a migration."""
    if engine() == "sqlite":
        _rewrite(table, lambda found: found[1], re.compile(rf"(\b{column} \w+) NOT NULL"))
        return
    ddl(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")


def _rewrite(table: str, change: Callable[[re.Match[str]], str], where: re.Pattern[str]) -> None:
    """Changes a table's schema on SQLite, which has no statement for constraints.

    Its documentation (ALTER TABLE, section 7) permits to write the text of the schema where, as here, no
    stored row changes its meaning.
    """
    (text,) = statement("SELECT sql FROM sqlite_schema WHERE name = ?", table).fetchone()
    (version,) = statement("PRAGMA schema_version").fetchone()
    statement("PRAGMA writable_schema = ON")
    statement("UPDATE sqlite_schema SET sql = ? WHERE name = ?", where.sub(change, text, count=1), table)
    statement(f"PRAGMA schema_version = {version + 1}")
    statement("PRAGMA writable_schema = OFF")
