"""Devices that staff may work from: requested, approved, enrolled once, ended."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE device (
    id {identity},
    kind TEXT NOT NULL CHECK (kind IN ('school', 'own_phone', 'own_pc')),
    state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'active', 'refused', 'revoked')),
    holder_id BIGINT REFERENCES account (id),
    school_id BIGINT REFERENCES school (id),
    name TEXT NOT NULL,
    os TEXT NOT NULL,
    os_version TEXT NOT NULL,
    firewall {boolean} NOT NULL,
    screen_lock {boolean} NOT NULL,
    requested_at BIGINT NOT NULL,
    decided_by_id BIGINT REFERENCES account (id),
    decided_at BIGINT,
    code_hash {blob} UNIQUE,
    code_ends_at BIGINT,
    token_hash {blob} UNIQUE,
    enrolled_at BIGINT,
    ends_at BIGINT,
    ended_at BIGINT,
    CHECK (kind = 'school' OR holder_id IS NOT NULL),
    CHECK (state <> 'active' OR (token_hash IS NOT NULL AND ends_at IS NOT NULL))
);
CREATE INDEX device_holder ON device (holder_id);
ALTER TABLE staff_session ADD COLUMN device_id BIGINT REFERENCES device (id);
ALTER TABLE factor ADD COLUMN device_id BIGINT REFERENCES device (id)
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
