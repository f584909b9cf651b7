"""What empty mails have used up, which codes are paused, and what operators should know."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE budget_use (
    key {blob} NOT NULL,
    slot BIGINT NOT NULL,
    writer BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (key, slot, writer)
);
CREATE INDEX budget_use_age ON budget_use (slot);
CREATE TABLE code_pause (
    code TEXT NOT NULL PRIMARY KEY,
    by_operator {boolean} NOT NULL,
    paused_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
CREATE TABLE alarm (
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (kind, at)
);
CREATE INDEX alarm_age ON alarm (at)
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
