"""Answers by mail: more kinds of letters, an address's language, confirmations, inquiries."""

from appliance.db import allow, ddl

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


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
    allow("delivery", "kind", KINDS)
