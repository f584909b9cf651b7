"""The operation record becomes evidence: why, by which device, tree, checkpoints, indexes."""

from appliance.db import ddl

SCHEMA = """
ALTER TABLE audit ADD COLUMN device_id BIGINT;
ALTER TABLE audit ADD COLUMN reason TEXT NOT NULL DEFAULT '';
DROP INDEX audit_school;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_account ON audit (account_id, at, id);
CREATE INDEX audit_by_school ON audit (school_id, at, id);
CREATE INDEX audit_by_act ON audit (act, at, id);
CREATE TABLE audit_leaf (
    position BIGINT NOT NULL PRIMARY KEY,
    audit_id BIGINT NOT NULL UNIQUE,
    hash {blob} NOT NULL
);
CREATE TABLE audit_node (
    level SMALLINT NOT NULL,
    position BIGINT NOT NULL,
    hash {blob} NOT NULL,
    PRIMARY KEY (level, position)
);
CREATE TABLE audit_checkpoint (
    size BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    top_id BIGINT NOT NULL,
    note TEXT NOT NULL
);
CREATE TABLE audit_cosignature (
    size BIGINT NOT NULL REFERENCES audit_checkpoint (size),
    name TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (size, name)
);
CREATE TABLE audit_mailed (
    day BIGINT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL
);
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
