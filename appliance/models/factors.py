"""What somebody proves himself with beside the password, and the devices that he may do it from."""

from peewee import BigIntegerField, BlobField, BooleanField, ForeignKeyField, TextField

from appliance.models.base import Table
from appliance.models.fields import MomentField, row_id
from appliance.models.people import Account, Device, StaffSession


class Factor(Table):
    """A passkey, or the secret of one-time codes; of one account on one site."""

    id = BigIntegerField(primary_key=True, default=row_id)
    account = ForeignKeyField(Account)
    zone = TextField()
    kind = TextField()
    name = TextField()
    credential_id = BlobField(null=True, unique=True)
    public_key = BlobField(null=True)
    sign_count = BigIntegerField(default=0)
    synced = BooleanField(default=False)
    secret = BlobField(null=True)
    last_step = BigIntegerField(default=0)
    created_at = MomentField()
    used_at = MomentField(null=True)
    device = ForeignKeyField(Device, null=True)


class RecoveryCode(Table):
    """A code on paper that stands once for a factor; kept hashed."""

    account = ForeignKeyField(Account)
    zone = TextField()
    code_hash = BlobField(unique=True)
    created_at = MomentField()
    used_at = MomentField(null=True)


class Challenge(Table):
    """What a passkey was asked to sign; answered once, within minutes, in the session that asked."""

    session = ForeignKeyField(StaffSession)
    purpose = TextField()
    octets = BlobField()
    made_at = MomentField()
