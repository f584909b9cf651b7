"""Answers by mail: more kinds of letters, an address's language, confirmations, inquiries."""

import re

from appliance.db import ddl, engine, statement

SCHEMA = """
ALTER TABLE address ADD COLUMN language TEXT NOT NULL DEFAULT 'ja';
ALTER TABLE address ADD COLUMN left_at BIGINT;
CREATE INDEX address_left ON address (left_at) WHERE left_at IS NOT NULL;
UPDATE address SET left_at = created_at
    WHERE id IN (SELECT address_id FROM registration WHERE state = 'withdrawn')
    AND id NOT IN (SELECT address_id FROM registration WHERE state IN ('requested', 'confirmed'));
ALTER TABLE child ADD COLUMN unrecognised {boolean} NOT NULL DEFAULT {false};
CREATE INDEX child_unrecognised ON child (school_id) WHERE unrecognised;
ALTER TABLE delivery ADD COLUMN about TEXT NOT NULL DEFAULT '';
CREATE TABLE confirmation (
    delivery_id BIGINT NOT NULL PRIMARY KEY REFERENCES delivery (id),
    at BIGINT NOT NULL,
    how TEXT NOT NULL CHECK (how IN ('reply', 'link'))
);
CREATE TABLE inquiry (
    id BIGINT NOT NULL PRIMARY KEY,
    school_id BIGINT NOT NULL,
    address_id BIGINT NOT NULL REFERENCES address (id),
    delivery_id BIGINT REFERENCES delivery (id),
    sealed {blob} NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done')),
    received_at BIGINT NOT NULL
);
CREATE INDEX inquiry_school ON inquiry (school_id, state, received_at);
CREATE INDEX inquiry_age ON inquiry (received_at);
CREATE INDEX inquiry_address ON inquiry (address_id);
"""
KINDS = (
    "ask_again", "not_encrypted", "link_expired", "withdraw", "withdrawn", "change", "change_how", "changed",
    "moved_away", "language", "help", "inquiry_kept",
)  # fmt: skip
_LIST = re.compile(r"(\bkind IN \()([^)]*)(\))")


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
    _allow_kinds()


def _allow_kinds() -> None:
    """Widens the check on `delivery.kind`, whatever it allows by now.

    SQLite cannot change a check; its documentation (ALTER TABLE, section 7) permits to write the text of the
    schema where, as here, no stored row changes its meaning.
    """
    if engine() == "sqlite":
        (text,) = statement("SELECT sql FROM sqlite_schema WHERE name = 'delivery'").fetchone()
        (version,) = statement("PRAGMA schema_version").fetchone()
        statement("PRAGMA writable_schema = ON")
        statement(
            "UPDATE sqlite_schema SET sql = ? WHERE name = 'delivery'", _LIST.sub(_wider, text, count=1)
        )
        statement(f"PRAGMA schema_version = {version + 1}")
        statement("PRAGMA writable_schema = OFF")
        return
    (text,) = statement(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'delivery_kind_check'"
    ).fetchone()
    kinds = ", ".join(f"'{kind}'" for kind in (*re.findall(r"'([a-z_]+)'", text), *KINDS))
    ddl(
        f"ALTER TABLE delivery DROP CONSTRAINT delivery_kind_check, "
        f"ADD CONSTRAINT delivery_kind_check CHECK (kind IN ({kinds}))"
    )


def _wider(found: re.Match[str]) -> str:
    return found[1] + ", ".join([found[2].strip(), *(f"'{kind}'" for kind in KINDS)]) + found[3]
