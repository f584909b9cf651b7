"""A device remembers that somebody asked to keep it for another school year."""

from appliance.db import ddl


def up(_migrator: object, _db: object) -> None:
    ddl("ALTER TABLE device ADD COLUMN renewal_at BIGINT")
