"""Signatures made ahead, in the seconds between "send" and the first mail."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE prepared (
    delivery_id BIGINT NOT NULL PRIMARY KEY REFERENCES delivery (id),
    broadcast_id BIGINT NOT NULL REFERENCES broadcast (id),
    signed {blob} NOT NULL
);
CREATE INDEX prepared_broadcast ON prepared (broadcast_id);
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
