"""The operation record as a tree: leaves, inner nodes, checkpoints. Nothing personal."""

from peewee import BigIntegerField, BlobField, CompositeKey, ForeignKeyField, SmallIntegerField, TextField

from appliance.models.base import Table
from appliance.models.fields import MomentField


class AuditLeaf(Table):
    """The place of one record in the tree. It stays when the record's time is over."""

    position = BigIntegerField(primary_key=True)
    audit_id = BigIntegerField(unique=True)
    hash = BlobField()


class AuditNode(Table):
    """The root of a complete subtree of 2**level leaves."""

    level = SmallIntegerField()
    position = BigIntegerField()
    hash = BlobField()

    class Meta:
        primary_key = CompositeKey("level", "position")


class AuditCheckpoint(Table):
    """A signed size and root. `top_id`: the highest record id that had been sealed by then."""

    size = BigIntegerField(primary_key=True)
    at = MomentField()
    top_id = BigIntegerField()
    note = TextField()


class AuditCosignature(Table):
    """What a witness added to a checkpoint."""

    size = ForeignKeyField(AuditCheckpoint, field="size", column_name="size")
    name = TextField()
    line = TextField()

    class Meta:
        primary_key = CompositeKey("size", "name")


class AuditMailed(Table):
    """The day (since 1970, in the ward's time zone) whose checkpoint was mailed to the ward."""

    day = BigIntegerField(primary_key=True)
    size = BigIntegerField()
