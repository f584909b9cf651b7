"""An address may switch routine mail off (RFC 8058); urgent mail it gets all the same."""

from appliance.db import ddl


def up(_migrator: object, _db: object) -> None:
    ddl("ALTER TABLE address ADD COLUMN routine_off_at BIGINT")
