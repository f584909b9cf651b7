"""Accounts of staff, their sessions, and the operation record."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from appliance.models.base import Table
from appliance.models.fields import MomentField
from appliance.models.school import School


class Account(Table):
    """One person who acts. Guardians have none."""

    login_id = TextField(unique=True)
    role = TextField()
    display_name = TextField()
    password_phc = TextField()
    state = TextField(default="active")
    duty = TextField(default="handler")
    password_changed_at = MomentField()
    created_at = MomentField()


class AccountSchool(Table):
    """The schools for which an account acts."""

    account = ForeignKeyField(Account)
    school = ForeignKeyField(School)

    class Meta:
        primary_key = CompositeKey("account", "school")


class LoginFailure(Table):
    """A wrong password, for throttling. Login ids are kept only hashed: people mistype passwords there.

    Each site (`zone`) counts its own. `browser` is set where the attempt came from a browser in which the
    account has logged in before.
    """

    zone = TextField()
    login_hash = BlobField()
    network = TextField()
    browser = BlobField(null=True)
    at = MomentField()


class Device(Table):
    """A school device or a registered device (R09, R18); its cookie holds a token, the table its hash."""

    kind = TextField()
    state = TextField()
    holder = ForeignKeyField(Account, null=True)
    school = ForeignKeyField(School, null=True)
    name = TextField()
    os = TextField()
    os_version = TextField()
    firewall = BooleanField()
    screen_lock = BooleanField()
    requested_at = MomentField()
    decided_by = ForeignKeyField(Account, null=True)
    decided_at = MomentField(null=True)
    code_hash = BlobField(null=True, unique=True)
    code_ends_at = MomentField(null=True)
    token_hash = BlobField(null=True, unique=True)
    enrolled_at = MomentField(null=True)
    ends_at = MomentField(null=True)
    ended_at = MomentField(null=True)
    renewal_at = MomentField(null=True)


class PersonReport(Table):
    """届出 (R15, R19): somebody named to the ward for a school, or for the ward or vendor where none."""

    school = ForeignKeyField(School, null=True)
    login_id = TextField()
    display_name = TextField()
    role = TextField()
    duty = TextField()
    state = TextField(default="reported")
    reported_by = ForeignKeyField(Account)
    reported_at = MomentField()
    decided_by = ForeignKeyField(Account, null=True)
    decided_at = MomentField(null=True)
    account = ForeignKeyField(Account, null=True)


class Invitation(Table):
    """A link that sets a password once: the first one, or a new one for who lost theirs."""

    account = ForeignKeyField(Account)
    token_hash = BlobField(unique=True)
    issued_at = MomentField()
    expires_at = MomentField()
    used_at = MomentField(null=True)
    ended_at = MomentField(null=True)


class Training(Table):
    """Somebody has read the rules in this school year, which begins in April (R33)."""

    account = ForeignKeyField(Account)
    school_year = IntegerField()
    acknowledged_at = MomentField()

    class Meta:
        primary_key = CompositeKey("account", "school_year")


class Opening(Table):
    """For a stated reason an operator may open a school's registrants, in one session, for a while."""

    account = ForeignKeyField(Account)
    school = ForeignKeyField(School)
    session_id = BigIntegerField()
    reason = TextField()
    reference = TextField()
    opened_at = MomentField()
    ends_at = MomentField()


class StaffSession(Table):
    """A login on one of the two staff sites; the cookie holds the token, the table only its hash.

    `opened_at` is empty while the second step is still to come, `confirmed_at` is when its person was last
    asked to prove who is there, `agent` the browser as people call it.
    """

    token_hash = BlobField(unique=True)
    account = ForeignKeyField(Account)
    zone = TextField()
    network = TextField()
    created_at = MomentField()
    seen_at = MomentField()
    ends_at = MomentField()
    ended_at = MomentField(null=True)
    opened_at = MomentField(null=True)
    confirmed_at = MomentField(null=True)
    agent = TextField(default="")
    device = ForeignKeyField(Device, null=True)


class Audit(Table):
    """操作記録 (R27): who, what, on what, when, where, why, with what result. No personal data."""

    at = MomentField()
    account_id = BigIntegerField(null=True)
    role = TextField()
    zone = TextField()
    session_id = BigIntegerField(null=True)
    network = TextField()
    act = TextField()
    object_kind = TextField()
    object_id = BigIntegerField(null=True)
    school_id = BigIntegerField(null=True)
    result = TextField()
    detail = TextField(default="{}")
    device_id = BigIntegerField(null=True)
    reason = TextField(default="")
