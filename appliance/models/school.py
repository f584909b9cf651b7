"""Schools, their classes, codes and keys."""

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
from appliance.models.fields import MomentField, SealedField


class ZoneKey(Table):
    """The public key of a zone, to which school keys are wrapped."""

    zone = TextField(primary_key=True)
    public = BlobField()
    created_at = MomentField()


class School(Table):
    """One of R02's four kinds."""

    kind = TextField()
    name = TextField()
    name_en = TextField()
    state = TextField(default="open")
    approval_required = BooleanField(default=False)
    created_at = MomentField()
    tests_by = BigIntegerField(null=True)  # the account that switched the monthly test broadcast on


class SchoolClass(Table):
    """学級. Grades and labels are free text per school; `sort_key` orders them."""

    school = ForeignKeyField(School, backref="classes")
    grade = TextField()
    label = TextField()
    sort_key = IntegerField()
    retired_at = MomentField(null=True)


class SchoolKey(Table):
    """A key pair per school and purpose. `school_id` 0 is the ward."""

    school_id = BigIntegerField()
    purpose = TextField()
    public = BlobField()
    created_at = MomentField()


class WrappedKey(Table):
    """The private key of a `SchoolKey`, sealed to one zone."""

    school_key = ForeignKeyField(SchoolKey)
    zone = TextField()
    wrapped = SealedField()

    class Meta:
        primary_key = CompositeKey("school_key", "zone")


class SecurityCode(Table):
    """学校ID(セキュリティコード): the local part to which empty mails go (R03)."""

    school = ForeignKeyField(School, backref="codes")
    code = TextField(unique=True)
    state = TextField(default="active")
    created_at = MomentField()
    retired_at = MomentField(null=True)
