"""Each site counts its own failed logins; a passkey that was made at a school's PC is its maker's own."""

from appliance.db import ddl

SCHEMA = """
ALTER TABLE login_failure ADD COLUMN zone TEXT NOT NULL DEFAULT '';
DROP INDEX login_failure_by_login;
DROP INDEX login_failure_by_network;
CREATE INDEX login_failure_by_login ON login_failure (zone, login_hash, at);
CREATE INDEX login_failure_by_network ON login_failure (zone, network, at);
UPDATE factor SET device_id = NULL WHERE device_id IN (SELECT id FROM device WHERE kind = 'school')
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
