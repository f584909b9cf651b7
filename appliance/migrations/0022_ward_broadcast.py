"""A broadcast may be the ward's: it belongs to no school, and says afterwards to whose guardians it went."""

from appliance.db import ddl, optional

SCHEMA = """
DROP INDEX broadcast_school;
CREATE INDEX broadcast_by_school ON broadcast (school_id, created_at);
CREATE TABLE broadcast_school (
    broadcast_id BIGINT NOT NULL REFERENCES broadcast (id),
    school_id BIGINT NOT NULL REFERENCES school (id),
    PRIMARY KEY (broadcast_id, school_id)
);
CREATE INDEX broadcast_school_by_school ON broadcast_school (school_id, broadcast_id);
CREATE INDEX broadcast_of_ward ON broadcast (created_at) WHERE school_id IS NULL
"""


def up(_migrator: object, _db: object) -> None:
    optional("broadcast", "school_id")
    ddl(SCHEMA)
