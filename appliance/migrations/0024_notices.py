"""What people with an account are told by mail of their own login, and where to."""

from appliance.db import allow, ddl

SCHEMA = """
CREATE TABLE notice_address (
    account_id BIGINT NOT NULL PRIMARY KEY REFERENCES account (id),
    token_hash {blob} UNIQUE,
    token_ends_at BIGINT,
    address_id BIGINT REFERENCES address (id),
    since BIGINT
);
CREATE INDEX notice_address_address ON notice_address (address_id);
CREATE TABLE notice (
    id {identity},
    account_id BIGINT REFERENCES account (id),
    what TEXT NOT NULL,
    at BIGINT NOT NULL,
    told_at BIGINT
);
CREATE INDEX notice_untold ON notice (at) WHERE told_at IS NULL;
CREATE INDEX notice_told ON notice (account_id, what, told_at);
CREATE UNIQUE INDEX notice_due ON notice (account_id, at) WHERE what = 'password.due'
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
    allow("delivery", "kind", ["own_login", "password_due", "notices_set", "notices_left"])
