"""Turns in the queue, workers that are alive, and the pace at which carriers took earlier broadcasts."""

from appliance.db import ddl

SCHEMA = """
ALTER TABLE delivery ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
DROP INDEX delivery_waiting;
CREATE INDEX delivery_turn ON delivery (site, lane, turn, next_at) WHERE state = 'queued';
CREATE INDEX delivery_retry ON delivery (site, next_at, lane) WHERE state = 'deferred';
CREATE INDEX delivery_settled ON delivery (settled_at, site, state, created_at)
    WHERE settled_at IS NOT NULL;
CREATE INDEX attempt_at ON attempt (at);
CREATE TABLE worker (
    name TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    since BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE TABLE pace (
    id {identity},
    broadcast_id BIGINT NOT NULL REFERENCES broadcast (id),
    carrier TEXT NOT NULL,
    urgent {boolean} NOT NULL,
    letters INTEGER NOT NULL,
    span_ms BIGINT NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (broadcast_id, carrier)
);
CREATE INDEX pace_carrier ON pace (carrier, urgent, at);
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
