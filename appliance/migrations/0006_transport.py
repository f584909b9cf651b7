"""Receivers' transport policies, and how TLS sessions with them fared until that is reported."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE mta_sts_policy (
    id BIGINT NOT NULL PRIMARY KEY,
    domain_index {blob} NOT NULL UNIQUE,
    sealed {blob} NOT NULL,
    fetched_at BIGINT NOT NULL,
    refresh_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL
);
CREATE INDEX mta_sts_policy_refresh ON mta_sts_policy (refresh_at);
CREATE TABLE tls_tally (
    id BIGINT NOT NULL PRIMARY KEY,
    day INTEGER NOT NULL,
    domain_index {blob} NOT NULL,
    sealed {blob} NOT NULL
);
CREATE INDEX tls_tally_day ON tls_tally (day, domain_index);
CREATE TABLE tls_report (
    day INTEGER NOT NULL,
    domain_index {blob} NOT NULL,
    attempts INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    sent_at BIGINT,
    PRIMARY KEY (day, domain_index)
);
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
