"""What protects the door: budgets used, codes paused, alarms. Nothing personal: keys are keyed hashes."""

from peewee import BigIntegerField, BlobField, BooleanField, CompositeKey, TextField

from appliance.models.base import Table
from appliance.models.fields import MomentField


class BudgetUse(Table):
    """How many mails one key had in one slot of time, as one worker counted them."""

    key = BlobField()
    slot = BigIntegerField()
    writer = BigIntegerField()
    used = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("key", "slot", "writer")


class CodePause(Table):
    """A code to which mails wait (451) until a time; a school need not have it."""

    code = TextField(primary_key=True)
    by_operator = BooleanField()
    paused_at = MomentField()
    until_at = MomentField()


class Alarm(Table):
    """In one minute so many mails were refused because one kind of budget was spent."""

    kind = TextField()
    at = MomentField()
    refused = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("kind", "at")
