"""Where a database differs from the table.

Owns the comparison with PostgreSQL's own catalogue, as it stands: rights on tables and columns, policies, and
the powers of the roles themselves. Refuses to change anything. Fails as the database does.
"""

from collections.abc import Iterator

from appliance import db
from appliance.config import Config
from appliance.grants.apply import ENDS_CONNECTIONS, columns, connections, policy_name, role_name
from appliance.grants.table import BARE, GRANTS, HOLDERS, POLICIES, Holder

Right = tuple[str, str, str]
"""Verb, table, column; DELETE and the like have no column."""


def differences(config: Config) -> list[str]:
    """One sentence per difference, empty when the roles may exactly what the table says."""
    with db.guarded():
        return list(_differences(config))


def _differences(config: Config) -> Iterator[str]:
    for holder in HOLDERS:
        name = role_name(config, holder)
        row = db.statement(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
            " ARRAY(SELECT roleid::regrole::text FROM pg_auth_members AS m WHERE m.member = r.oid),"
            " rolconnlimit, EXISTS (SELECT 1 FROM pg_db_role_setting AS s WHERE s.setrole = r.oid)"
            " FROM pg_roles AS r WHERE rolname = ?",
            name,
        ).fetchone()
        if row is None:
            yield f"role {name} does not exist"
            continue
        if row[0]:
            yield f"role {name} has powers over the server (pg_roles)"
        ender = ENDS_CONNECTIONS.get(holder)
        if set(row[1]) - {ender}:
            yield f"role {name} is a member of another role"
        if ender is not None and ender not in row[1]:
            yield f"role {name} cannot end connections: it is no member of {ender}"
        if row[2] != connections(holder):
            yield f"role {name} may have {row[2]} connections and should have {connections(holder)}"
        if row[3]:
            yield f"role {name} has settings of its own (pg_db_role_setting)"
        wanted, found = _wanted(holder), _found(name)
        for right in sorted(wanted - found):
            yield f"role {name} lacks {_words(right)}"
        for right in sorted(found - wanted):
            yield f"role {name} may {_words(right)} and should not"
    yield from _policies(config)


def _words(right: Right) -> str:
    verb, table, column = right
    return f"{verb} {table}({column})" if column else f"{verb} {table}"


def _wanted(holder: Holder) -> set[Right]:
    wanted = {("SELECT", BARE, column) for column in ("id", "name", "applied")}
    for table, by_holder in GRANTS.items():
        rights = by_holder.get(holder)
        if rights is None:
            continue
        for verb, which in (("SELECT", rights.select), ("INSERT", rights.insert), ("UPDATE", rights.update)):
            wanted |= {(verb, table, column) for column in columns(table, which, verb)}
        if rights.delete:
            wanted.add(("DELETE", table, ""))
    return wanted


def _found(role: str) -> set[Right]:
    """By column for what can be given by column; whatever way the role came to it (PUBLIC, ownership)."""
    by_column = db.statement(
        """
        SELECT verb, c.relname, a.attname
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) AS verbs (verb)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege(CAST(? AS name), c.oid, a.attnum, verb)
        """,
        role,
    ).fetchall()
    by_table = db.statement(
        """
        SELECT verb, c.relname, ''
        FROM pg_class AS c CROSS JOIN (VALUES ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS verbs (verb)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND has_table_privilege(CAST(? AS name), c.oid, verb)
        """,
        role,
    ).fetchall()
    elsewhere = db.statement(
        """
        SELECT 'CREATE', 'schema public', '' WHERE has_schema_privilege(CAST(? AS name), 'public', 'CREATE')
        UNION ALL
        SELECT verb, 'database', '' FROM (VALUES ('CREATE'), ('TEMPORARY')) AS verbs (verb)
        WHERE has_database_privilege(CAST(? AS name), current_database(), verb)
        """,
        role,
        role,
    ).fetchall()
    return {(verb, table, column) for verb, table, column in (*by_column, *by_table, *elsewhere)}


def _policies(config: Config) -> Iterator[str]:
    secured = {
        row[0]
        for row in db.statement(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    }
    found = {
        (table, name): tuple(" ".join(each.split()) if each else each for each in rest)
        for table, name, *rest in db.statement(
            "SELECT tablename, policyname, permissive, array_to_string(roles, ','), lower(cmd), qual,"
            " with_check FROM pg_policies WHERE schemaname = 'public'"
        ).fetchall()
    }
    wanted = {
        (table, policy_name(holder, policy.command)): (
            "PERMISSIVE", role_name(config, holder), policy.command, policy.condition, policy.written,
        )
        for table, by_holder in POLICIES.items()
        for holder, policies in by_holder.items()
        for policy in policies
    }  # fmt: skip
    for table in sorted(POLICIES.keys() - secured):
        yield f"row security is off on {table}"
    for table, name in sorted(wanted.keys() - found.keys()):
        yield f"policy {name} on {table} is missing"
    for table, name in sorted(found.keys() - wanted.keys()):
        yield f"policy {name} on {table} is not ours"
    for table, name in sorted(key for key in wanted.keys() & found.keys() if wanted[key] != found[key]):
        yield f"policy {name} on {table} is not as it was made"
