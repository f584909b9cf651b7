"""What people with an account are told by mail of their own login, and where to."""

from peewee import BlobField, ForeignKeyField, TextField

from appliance.models.base import Table
from appliance.models.fields import MomentField
from appliance.models.people import Account
from appliance.models.registry import Address


class NoticeAddress(Table):
    """お知らせ先: where an account's notices go. An empty mail that names the token sets the address."""

    account = ForeignKeyField(Account, primary_key=True)
    token_hash = BlobField(null=True, unique=True)
    token_ends_at = MomentField(null=True)
    address = ForeignKeyField(Address, null=True)
    since = MomentField(null=True)


class Notice(Table):
    """Something that an account's person is to be told. Without an account: of a login id that nobody has."""

    account = ForeignKeyField(Account, null=True)
    what = TextField()
    at = MomentField()
    told_at = MomentField(null=True)
