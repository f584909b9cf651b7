"""Accounts of staff, their sessions, and the operation record."""

from peewee import BigIntegerField, BlobField, CompositeKey, ForeignKeyField, TextField

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
    password_changed_at = MomentField()
    created_at = MomentField()


class AccountSchool(Table):
    """The schools for which an account acts."""

    account = ForeignKeyField(Account)
    school = ForeignKeyField(School)

    class Meta:
        primary_key = CompositeKey("account", "school")


class LoginFailure(Table):
    """A wrong password, for throttling. Login ids are kept only hashed: people mistype passwords there."""

    login_hash = BlobField()
    network = TextField()
    at = MomentField()


class StaffSession(Table):
    """A login on one of the two staff sites; the cookie holds the token, the table only its hash."""

    token_hash = BlobField(unique=True)
    account = ForeignKeyField(Account)
    zone = TextField()
    network = TextField()
    created_at = MomentField()
    seen_at = MomentField()
    ends_at = MomentField()
    ended_at = MomentField(null=True)


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
