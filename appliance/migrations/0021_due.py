"""When a broadcast's mail might first go: after the seconds in which it could be taken back, in its turn."""

from appliance.db import ddl


def up(_migrator: object, _db: object) -> None:
    ddl("ALTER TABLE delivery ADD COLUMN due_at BIGINT")
