"""The first schema: schools, keys, people, registry, queue, record."""

from appliance.db import ddl

SCHEMA = """
CREATE TABLE zone_key (
    zone TEXT NOT NULL PRIMARY KEY,
    public {blob} NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE school (
    id {identity},
    kind TEXT NOT NULL CHECK (kind IN ('kindergarten', 'elementary', 'junior_high', 'special_needs')),
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    approval_required {boolean} NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE school_class (
    id {identity},
    school_id BIGINT NOT NULL REFERENCES school (id),
    grade TEXT NOT NULL,
    label TEXT NOT NULL,
    sort_key INTEGER NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX school_class_name ON school_class (school_id, grade, label) WHERE retired_at IS NULL;
CREATE TABLE school_key (
    id {identity},
    school_id BIGINT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('names', 'addresses')),
    public {blob} NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (school_id, purpose)
);
CREATE TABLE wrapped_key (
    school_key_id BIGINT NOT NULL REFERENCES school_key (id),
    zone TEXT NOT NULL,
    wrapped {blob} NOT NULL,
    PRIMARY KEY (school_key_id, zone)
);
CREATE TABLE security_code (
    id {identity},
    school_id BIGINT NOT NULL REFERENCES school (id),
    code TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE TABLE account (
    id {identity},
    login_id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('ward_officer', 'principal', 'staff', 'operator', 'auditor')),
    display_name TEXT NOT NULL,
    password_phc TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
    password_changed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE account_school (
    account_id BIGINT NOT NULL REFERENCES account (id),
    school_id BIGINT NOT NULL REFERENCES school (id),
    PRIMARY KEY (account_id, school_id)
);
CREATE TABLE login_failure (
    id {identity},
    login_hash {blob} NOT NULL,
    network TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX login_failure_by_login ON login_failure (login_hash, at);
CREATE INDEX login_failure_by_network ON login_failure (network, at);
CREATE TABLE staff_session (
    id {identity},
    token_hash {blob} NOT NULL UNIQUE,
    account_id BIGINT NOT NULL REFERENCES account (id),
    zone TEXT NOT NULL CHECK (zone IN ('sender', 'admin')),
    network TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX staff_session_account ON staff_session (account_id);
CREATE TABLE audit (
    id {identity},
    at BIGINT NOT NULL,
    account_id BIGINT,
    role TEXT NOT NULL,
    zone TEXT NOT NULL,
    session_id BIGINT,
    network TEXT NOT NULL,
    act TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id BIGINT,
    school_id BIGINT,
    result TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_school ON audit (school_id, at);
CREATE TABLE address (
    id BIGINT NOT NULL PRIMARY KEY,
    school_id BIGINT NOT NULL,
    address_index {blob} NOT NULL,
    sealed {blob} NOT NULL,
    site TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (school_id, address_index)
);
CREATE INDEX address_index_everywhere ON address (address_index);
CREATE TABLE child (
    id BIGINT NOT NULL PRIMARY KEY,
    school_id BIGINT NOT NULL REFERENCES school (id),
    school_class_id BIGINT NOT NULL REFERENCES school_class (id),
    name_sealed {blob} NOT NULL,
    name_index {blob} NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX child_name ON child (school_id, name_index);
CREATE INDEX child_class ON child (school_class_id);
CREATE TABLE registration (
    id BIGINT NOT NULL PRIMARY KEY,
    school_id BIGINT NOT NULL REFERENCES school (id),
    address_id BIGINT NOT NULL REFERENCES address (id),
    child_id BIGINT REFERENCES child (id),
    guardian_name_sealed {blob},
    state TEXT NOT NULL CHECK (state IN ('requested', 'confirmed', 'withdrawn', 'expired')),
    token_hash {blob} NOT NULL UNIQUE,
    requested_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    ended_at BIGINT,
    CHECK (state <> 'confirmed' OR (child_id IS NOT NULL AND guardian_name_sealed IS NOT NULL))
);
CREATE INDEX registration_address ON registration (address_id);
CREATE UNIQUE INDEX registration_once ON registration (child_id, address_id) WHERE state = 'confirmed';
CREATE INDEX registration_school ON registration (school_id, state);
CREATE INDEX registration_waiting ON registration (expires_at) WHERE state = 'requested';
CREATE TABLE inbound (
    digest {blob} NOT NULL PRIMARY KEY,
    received_at BIGINT NOT NULL
);
CREATE INDEX inbound_age ON inbound (received_at);
CREATE TABLE broadcast (
    id {identity},
    school_id BIGINT NOT NULL REFERENCES school (id),
    author_id BIGINT NOT NULL REFERENCES account (id),
    urgent {boolean} NOT NULL,
    category TEXT NOT NULL CHECK (category IN ('crime', 'disaster', 'incident', 'event', 'other')),
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    audience TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'submitted', 'approved', 'scheduled', 'sending',
                                         'finished', 'stopped', 'refused', 'expired')),
    once_key TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    submitted_at BIGINT,
    decided_by_id BIGINT REFERENCES account (id),
    decided_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    useful_until BIGINT
);
CREATE INDEX broadcast_school ON broadcast (school_id, created_at);
CREATE INDEX broadcast_sending ON broadcast (state) WHERE state = 'sending';
CREATE TABLE delivery (
    id {identity},
    kind TEXT NOT NULL CHECK (kind IN ('broadcast', 'reply', 'welcome', 'newcomer',
                                       'unknown_code', 'retired_code', 'closed_school')),
    school_id BIGINT NOT NULL,
    broadcast_id BIGINT REFERENCES broadcast (id),
    registration_id BIGINT REFERENCES registration (id),
    address_id BIGINT NOT NULL REFERENCES address (id),
    site TEXT NOT NULL,
    lane SMALLINT NOT NULL CHECK (lane IN (0, 1, 2)),
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'accepted', 'deferred', 'failed',
                                         'bounced', 'suppressed', 'expired')),
    attempts INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    claim_token BIGINT,
    claimed_by TEXT,
    lease_until BIGINT,
    code INTEGER NOT NULL,
    enhanced TEXT NOT NULL,
    reason TEXT NOT NULL,
    uncertain {boolean} NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    CHECK ((kind = 'broadcast') = (broadcast_id IS NOT NULL)),
    CHECK ((state = 'sending') = (claim_token IS NOT NULL))
);
CREATE UNIQUE INDEX delivery_once ON delivery (broadcast_id, address_id) WHERE broadcast_id IS NOT NULL;
CREATE INDEX delivery_waiting ON delivery (site, lane, id) WHERE state IN ('queued', 'deferred');
CREATE INDEX delivery_expiry ON delivery (expires_at) WHERE state IN ('queued', 'deferred');
CREATE INDEX delivery_held ON delivery (claimed_by, lease_until) WHERE state = 'sending';
CREATE INDEX delivery_status ON delivery (broadcast_id, state, site);
CREATE INDEX delivery_address ON delivery (address_id);
CREATE INDEX delivery_registration ON delivery (registration_id);
CREATE TABLE attempt (
    id {identity},
    delivery_id BIGINT NOT NULL REFERENCES delivery (id),
    at BIGINT NOT NULL,
    worker TEXT NOT NULL,
    kind TEXT NOT NULL,
    code INTEGER NOT NULL,
    enhanced TEXT NOT NULL,
    reason TEXT NOT NULL,
    uncertain {boolean} NOT NULL
);
CREATE INDEX attempt_delivery ON attempt (delivery_id);
"""


def up(_migrator: object, _db: object) -> None:
    ddl(SCHEMA)
