"""Whose address is it by now? Registrations in doubt, letters that ask, and test broadcasts (配信テスト)."""

import re
from collections.abc import Sequence

from appliance.db import ddl, engine, statement

SCHEMA = """
ALTER TABLE registration ADD COLUMN doubted_at BIGINT;
ALTER TABLE registration ADD COLUMN doubt TEXT NOT NULL DEFAULT '';
ALTER TABLE registration ADD COLUMN proof_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN proved_at BIGINT;
CREATE INDEX registration_doubted ON registration (school_id, address_id) WHERE doubted_at IS NOT NULL;
ALTER TABLE school ADD COLUMN tests_by BIGINT;
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
    allow("delivery", "kind", ("prove",))
    allow("broadcast", "category", ("test",))


def allow(table: str, column: str, words: Sequence[str]) -> None:
    """Widens the check on a column of closed words, whatever it allows by now (as migration 0003 does)."""
    if engine() == "sqlite":
        (text,) = statement("SELECT sql FROM sqlite_schema WHERE name = ?", table).fetchone()
        (version,) = statement("PRAGMA schema_version").fetchone()
        listed = re.compile(rf"(\b{column} IN \()([^)]*)(\))")
        added = ", ".join(f"'{word}'" for word in words)
        wider = listed.sub(lambda found: f"{found[1]}{found[2].strip()}, {added}{found[3]}", text, count=1)
        statement("PRAGMA writable_schema = ON")
        statement("UPDATE sqlite_schema SET sql = ? WHERE name = ?", wider, table)
        statement(f"PRAGMA schema_version = {version + 1}")
        statement("PRAGMA writable_schema = OFF")
        return
    constraint = f"{table}_{column}_check"
    (text,) = statement(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?", constraint
    ).fetchone()
    every = ", ".join(f"'{word}'" for word in (*re.findall(r"'([a-z_]+)'", text), *words))
    ddl(
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}, "
        f"ADD CONSTRAINT {constraint} CHECK ({column} IN ({every}))"
    )
