"""One more kind of letter: the day's checkpoint of the operation record, to the ward."""

import re

from appliance.db import ddl, engine, statement

KIND = "checkpoint"
_LIST = re.compile(r"(\bkind IN \()([^)]*)(\))")


def up(_migrator: object, _db: object) -> None:
    """Widens the check on `delivery.kind`, whatever it allows by now; on SQLite as in 0003."""
    if engine() == "sqlite":
        (text,) = statement("SELECT sql FROM sqlite_schema WHERE name = 'delivery'").fetchone()
        (version,) = statement("PRAGMA schema_version").fetchone()
        wider = _LIST.sub(lambda found: f"{found[1]}{found[2].strip()}, '{KIND}'{found[3]}", text, count=1)
        statement("PRAGMA writable_schema = ON")
        statement("UPDATE sqlite_schema SET sql = ? WHERE name = 'delivery'", wider)
        statement(f"PRAGMA schema_version = {version + 1}")
        statement("PRAGMA writable_schema = OFF")
        return
    (text,) = statement(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'delivery_kind_check'"
    ).fetchone()
    kinds = ", ".join(f"'{kind}'" for kind in (*re.findall(r"'([a-z_]+)'", text), KIND))
    ddl(
        f"ALTER TABLE delivery DROP CONSTRAINT delivery_kind_check, "
        f"ADD CONSTRAINT delivery_kind_check CHECK (kind IN ({kinds}))"
    )
