"""Makes the database as the table says.

Owns the statements. One transaction takes away everything and gives what is in the table, so that a running
zone never stands without its rights. Of the server's connections each role has its share, so that whoever has
taken over one zone leaves the others theirs. Refuses any role but those of zones and keepers. Fails with
`OperatorError`.
"""

from collections.abc import Iterator
from pathlib import Path

from peewee import PeeweeException
from psycopg import sql

from appliance import db
from appliance.config import Config, Keeper, Zone
from appliance.errors import OperatorError
from appliance.grants.table import BARE, GRANTS, HOLDERS, POLICIES, Columns, Holder, Rights
from appliance.keys import secrets
from appliance.models import ALL
from appliance.models.base import database

SHARES: dict[Holder, float] = {Zone.GUARDIAN: 0.16, Zone.SENDER: 0.16, Zone.ADMIN: 0.16, Zone.MAIL: 0.34}
"""Of `max_connections`; a keeper has one connection on each node, and may lose and renew it."""
_OF_A_KEEPER = 5
ENDS_CONNECTIONS: dict[Holder, str] = {Keeper.WATCH: "pg_signal_backend"}
"""Who is a member of another role, and of which: see `appliance.holdup`."""
_MAY_GIVE = """
    SELECT pg_has_role(current_user, ?, 'MEMBER WITH ADMIN OPTION') OR rolsuper
    FROM pg_roles WHERE rolname = current_user
"""


def role_name(config: Config, holder: Holder) -> str:
    """The PostgreSQL role of a zone or keeper; "" where they have none of their own."""
    prefix = config.database.zone_role_prefix
    return f"{prefix}{holder.value}" if prefix and config.database.url.startswith("postgresql:") else ""


def connections(holder: Holder) -> int:
    """How many connections the role may have at once, of those that this server has."""
    most = int(db.statement("SHOW max_connections").fetchone()[0])
    return int(most * SHARES[holder]) if holder in SHARES else _OF_A_KEEPER


def roles_exist(config: Config) -> bool:
    """Are the roles of all zones and keepers there?"""
    names = [role_name(config, holder) for holder in HOLDERS]
    found = db.statement("SELECT COUNT(*) FROM pg_roles WHERE rolname = ANY (?)", names).fetchone()
    return int(found[0]) == len(names)


def create_roles(config: Config) -> list[str]:
    """Makes the roles that are missing and gives each the password that lies in its secrets, and its share of
    the server's connections; settings that a role made for itself go.

    Needs every directory of secrets. Returns the new ones. Raises `OperatorError`, `SecretMissing`.
    """
    made = []
    known = {row[0] for row in db.statement("SELECT rolname FROM pg_roles").fetchall()}
    try:
        with db.transaction():
            for holder in HOLDERS:
                name = role_name(config, holder)
                password = _verifier(config.secrets_dir / holder.value, name)
                if name not in known:
                    _run(sql.SQL("CREATE ROLE {} NOINHERIT").format(sql.Identifier(name)))
                    made.append(name)
                for each in _role(holder, sql.Identifier(name), password):
                    _run(each)
    except PeeweeException as error:
        raise OperatorError(f"the roles were not made: {error}") from None
    return made


def _role(holder: Holder, role: sql.Identifier, password: str) -> Iterator[sql.Composed]:
    inherits = sql.SQL("INHERIT" if holder in ENDS_CONNECTIONS else "NOINHERIT")
    limit = sql.Literal(connections(holder))
    yield sql.SQL("ALTER ROLE {} LOGIN {} CONNECTION LIMIT {} PASSWORD {}").format(
        role, inherits, limit, sql.Literal(password)
    )
    here = sql.Identifier(database.connection().info.dbname)
    yield sql.SQL("ALTER ROLE {} RESET ALL").format(role)
    yield sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(role, here)
    ender = ENDS_CONNECTIONS.get(holder)
    if ender is not None and db.statement(_MAY_GIVE, ender).fetchone()[0]:
        yield sql.SQL("GRANT {} TO {}").format(sql.Identifier(ender), role)


def _verifier(folder: Path, name: str) -> str:
    """What the server keeps of the password (SCRAM-SHA-256, RFC 5802): the password itself never travels."""
    connection = database.connection()
    made: bytes = connection.pgconn.encrypt_password(
        secrets.text(folder, secrets.ROLE_PASSWORD).encode(), name.encode(), b"scram-sha-256"
    )
    return made.decode()


def apply(config: Config) -> None:
    """Takes every right from the zones' roles and gives what the table says. Raises `OperatorError`."""
    try:
        with db.transaction():
            for each in _statements(config):
                _run(each)
    except PeeweeException as error:
        raise OperatorError(f"the grants were not applied, nothing has changed: {error}") from None


def columns(table: str, which: Columns, verb: str) -> tuple[str, ...]:
    """The column names that `which` stands for. Numbers that the database gives are nobody's to insert or
    change: one that is taken beforehand would fail whoever gets it."""
    if isinstance(which, tuple):
        return which
    if which == "none":
        return ()
    model = _MODELS[table]
    names = model.column_names(sealed=which == "all")
    given = () if verb == "SELECT" else model.numbered()
    return tuple(name for name in names if name not in given)


_MODELS = {model.table_name(): model for model in ALL}


def _statements(config: Config) -> Iterator[sql.Composed]:
    roles = {holder: sql.Identifier(role_name(config, holder)) for holder in HOLDERS}
    everyone = sql.SQL(", ").join([sql.SQL("PUBLIC"), *roles.values()])
    all_roles = sql.SQL(", ").join(list(roles.values()))
    name = sql.Identifier(database.connection().info.dbname)
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(name, everyone)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, all_roles)
    for what in ("SCHEMA public", "ALL TABLES IN SCHEMA public", "ALL SEQUENCES IN SCHEMA public"):
        yield sql.SQL("REVOKE ALL ON {} FROM {}").format(sql.SQL(what), everyone)
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(all_roles)
    yield sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(BARE), all_roles)
    for table, by_holder in GRANTS.items():
        for holder, rights in by_holder.items():
            yield from _grants(table, roles[holder], rights)
    for table in POLICIES:
        yield from _row_security(table, roles)


def _grants(table: str, role: sql.Identifier, rights: Rights) -> Iterator[sql.Composed]:
    for verb, which in (("SELECT", rights.select), ("INSERT", rights.insert), ("UPDATE", rights.update)):
        if names := columns(table, which, verb):
            listed = sql.SQL(", ").join([sql.Identifier(each) for each in names])
            yield sql.SQL("GRANT {} ({}) ON {} TO {}").format(
                sql.SQL(verb), listed, sql.Identifier(table), role
            )
    if rights.delete:
        yield sql.SQL("GRANT DELETE ON {} TO {}").format(sql.Identifier(table), role)


def policy_name(holder: Holder, command: str) -> str:
    return f"{holder.value}_{command}"


def _row_security(table: str, roles: dict[Holder, sql.Identifier]) -> Iterator[sql.Composed]:
    """The owner of the tables (operators' commands) is not bound by it."""
    target = sql.Identifier(table)
    yield sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(target)
    for holder in HOLDERS:
        for command in ("select", "insert", "update", "delete"):
            yield sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(
                sql.Identifier(policy_name(holder, command)), target
            )
    for holder, policies in POLICIES[table].items():
        for policy in policies:
            head = sql.SQL("CREATE POLICY {} ON {} FOR {} TO {}").format(
                sql.Identifier(policy_name(holder, policy.command)),
                target,
                sql.SQL(policy.command.upper()),
                roles[holder],
            )
            if policy.condition is not None:
                head += sql.SQL(" USING ({})").format(sql.SQL(policy.condition))
            if policy.written is not None:
                head += sql.SQL(" WITH CHECK ({})").format(sql.SQL(policy.written))
            yield head


def _run(statement: sql.Composed) -> None:
    database.execute_sql(statement.as_string(database.connection()).replace("%", "%%"))
