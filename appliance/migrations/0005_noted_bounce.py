"""A bounce may come before the commit of the 250 that it follows: it waits in a table of its own."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE noted_bounce (
    delivery_id BIGINT NOT NULL PRIMARY KEY,
    attempts INTEGER NOT NULL,
    code INTEGER NOT NULL,
    enhanced TEXT NOT NULL,
    reason TEXT NOT NULL,
    noted_at BIGINT NOT NULL
);
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
