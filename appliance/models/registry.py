"""What guardians gave us: addresses, children, registrations. Names and addresses only sealed (R24)."""

from peewee import BigIntegerField, BlobField, BooleanField, ForeignKeyField, IntegerField, TextField

from appliance.models.base import Table
from appliance.models.fields import MomentField, SealedField, row_id
from appliance.models.school import School, SchoolClass


class Address(Table):
    """A guardian's address as one school knows it. `site` names the receiver, never a private domain."""

    id = BigIntegerField(primary_key=True, default=row_id)
    school_id = BigIntegerField()  # 0: the ward, for answers to mails that belong to no school
    address_index = BlobField()
    sealed = SealedField()
    site = TextField()
    language = TextField(default="ja")
    left_at = MomentField(null=True)  # the last registration left it: to be erased
    created_at = MomentField()
    routine_off_at = MomentField(null=True)


class Child(Table):
    """児童等: the one whom a mail is about; reach is counted per child."""

    id = BigIntegerField(primary_key=True, default=row_id)
    school = ForeignKeyField(School)
    school_class = ForeignKeyField(SchoolClass)
    name_sealed = SealedField()
    name_index = BlobField()
    unrecognised = BooleanField(default=False)  # `name_index` is noise until the admin zone has seen the name
    created_at = MomentField()


class Registration(Table):
    """One guardian address × one child."""

    id = BigIntegerField(primary_key=True, default=row_id)
    school = ForeignKeyField(School)
    address = ForeignKeyField(Address)
    child = ForeignKeyField(Child, null=True)
    guardian_name_sealed = SealedField(null=True)
    state = TextField()
    token_hash = BlobField(unique=True)
    requested_at = MomentField()
    expires_at = MomentField()
    confirmed_at = MomentField(null=True)
    ended_at = MomentField(null=True)
    doubted_at = MomentField(null=True)  # the address may be somebody else's by now (`appliance.doubt`)
    doubt = TextField(default="")
    proof_tries = IntegerField(default=0)
    proved_at = MomentField(null=True)


class Inbound(Table):
    """Digest of a mail that was taken in, so that the sender's retry does nothing twice."""

    digest = BlobField(primary_key=True)
    received_at = MomentField()
