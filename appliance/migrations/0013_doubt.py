"""Whose address is it by now? Registrations in doubt, letters that ask, and test broadcasts (配信テスト)."""

from appliance.db import allow, ddl

SCHEMA = """
ALTER TABLE registration ADD COLUMN doubted_at BIGINT;
ALTER TABLE registration ADD COLUMN doubt TEXT NOT NULL DEFAULT '';
ALTER TABLE registration ADD COLUMN proof_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE registration ADD COLUMN proved_at BIGINT;
CREATE INDEX registration_doubted ON registration (school_id, address_id) WHERE doubted_at IS NOT NULL;
ALTER TABLE school ADD COLUMN tests_by BIGINT;
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
    allow("delivery", "kind", ("prove",))
    allow("broadcast", "category", ("test",))
