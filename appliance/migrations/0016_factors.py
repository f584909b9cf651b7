"""Second factors of accounts, and what a session knows of its second step."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE factor (
    id BIGINT NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES account (id),
    zone TEXT NOT NULL CHECK (zone IN ('sender', 'admin')),
    kind TEXT NOT NULL CHECK (kind IN ('passkey', 'totp')),
    name TEXT NOT NULL,
    credential_id {blob} UNIQUE,
    public_key {blob},
    sign_count BIGINT NOT NULL,
    synced {boolean} NOT NULL,
    secret {blob},
    last_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    CHECK ((kind = 'passkey') = (credential_id IS NOT NULL)),
    CHECK ((kind = 'totp') = (secret IS NOT NULL))
);
CREATE INDEX factor_account ON factor (account_id, zone);
CREATE TABLE recovery_code (
    id {identity},
    account_id BIGINT NOT NULL REFERENCES account (id),
    zone TEXT NOT NULL CHECK (zone IN ('sender', 'admin')),
    code_hash {blob} NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX recovery_code_account ON recovery_code (account_id, zone);
CREATE TABLE challenge (
    id {identity},
    session_id BIGINT NOT NULL REFERENCES staff_session (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('enrol', 'prove')),
    octets {blob} NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX challenge_session ON challenge (session_id);
ALTER TABLE staff_session ADD COLUMN opened_at BIGINT;
ALTER TABLE staff_session ADD COLUMN confirmed_at BIGINT;
ALTER TABLE staff_session ADD COLUMN agent TEXT NOT NULL DEFAULT '';
UPDATE staff_session SET opened_at = created_at, confirmed_at = created_at
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
