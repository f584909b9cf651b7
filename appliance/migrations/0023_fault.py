"""What is wrong with the appliance itself, and a kind of letter that says so to those who look after it."""

from appliance.db import allow, ddl

SCHEMA = """
CREATE TABLE fault (
    name TEXT NOT NULL,
    node TEXT NOT NULL,
    area TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('warning', 'broken')),
    what TEXT NOT NULL,
    todo TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ended_at BIGINT,
    told_at BIGINT,
    PRIMARY KEY (name, node, area)
)
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
    allow("delivery", "kind", ["fault"])
