"""A broadcast remembers when a person sent on what an outage had left over."""

from appliance.db import ddl


def up(_migrator: object, _db: object) -> None:
    ddl("ALTER TABLE broadcast ADD COLUMN sent_late_at BIGINT")
