"""People are reported, approved and invited; training, openings for a reason, browsers that are known."""

import re

from appliance.db import ddl, engine, statement

SCHEMA = """
ALTER TABLE account ADD COLUMN duty TEXT NOT NULL DEFAULT 'handler' CHECK (duty IN ('manager', 'handler'));
UPDATE account SET duty = 'manager' WHERE role = 'principal';
ALTER TABLE login_failure ADD COLUMN browser {blob};
CREATE TABLE person_report (
    id {identity},
    school_id BIGINT REFERENCES school (id),
    login_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('ward_officer', 'principal', 'staff', 'operator', 'auditor')),
    duty TEXT NOT NULL CHECK (duty IN ('manager', 'handler')),
    state TEXT NOT NULL CHECK (state IN ('reported', 'approved', 'refused')),
    reported_by_id BIGINT NOT NULL REFERENCES account (id),
    reported_at BIGINT NOT NULL,
    decided_by_id BIGINT REFERENCES account (id),
    decided_at BIGINT,
    account_id BIGINT REFERENCES account (id),
    CHECK ((role IN ('principal', 'staff')) = (school_id IS NOT NULL))
);
CREATE INDEX person_report_waiting ON person_report (reported_at) WHERE state = 'reported';
CREATE UNIQUE INDEX person_report_once ON person_report (login_id, COALESCE(school_id, 0))
    WHERE state = 'reported';
CREATE INDEX person_report_account ON person_report (account_id);
CREATE TABLE invitation (
    id {identity},
    account_id BIGINT NOT NULL REFERENCES account (id),
    token_hash {blob} NOT NULL UNIQUE,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX invitation_account ON invitation (account_id);
CREATE TABLE training (
    account_id BIGINT NOT NULL REFERENCES account (id),
    school_year INTEGER NOT NULL,
    acknowledged_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, school_year)
);
CREATE TABLE opening (
    id {identity},
    account_id BIGINT NOT NULL REFERENCES account (id),
    school_id BIGINT NOT NULL REFERENCES school (id),
    session_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    reference TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX opening_session ON opening (session_id, school_id);
"""
STATES = "'invited', 'active', 'suspended', 'ended'"
_STATE = re.compile(r"(\bstate IN \()[^)]*(\))")


def up(_migrator: object, _db: object) -> None:
    _allow_states()
    ddl(SCHEMA)


def _allow_states() -> None:
    """Widens the check on `account.state`; on SQLite in the text of the schema, as in 0003."""
    if engine() == "sqlite":
        (text,) = statement("SELECT sql FROM sqlite_schema WHERE name = 'account'").fetchone()
        (version,) = statement("PRAGMA schema_version").fetchone()
        wider = _STATE.sub(lambda found: found[1] + STATES + found[2], text, count=1)
        statement("PRAGMA writable_schema = ON")
        statement("UPDATE sqlite_schema SET sql = ? WHERE name = 'account'", wider)
        statement(f"PRAGMA schema_version = {version + 1}")
        statement("PRAGMA writable_schema = OFF")
        return
    ddl(
        "ALTER TABLE account DROP CONSTRAINT account_state_check, "
        f"ADD CONSTRAINT account_state_check CHECK (state IN ({STATES}))"
    )
