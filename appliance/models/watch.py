"""What is wrong with the appliance itself. Nothing personal: nodes, closed words, the doctor's sentences."""

from peewee import CompositeKey, TextField

from appliance.models.base import Table
from appliance.models.fields import MomentField


class Fault(Table):
    """Something that is wrong, on one node or on none, from when to when, and when it was told."""

    name = TextField()
    node = TextField()
    area = TextField()
    severity = TextField()
    what = TextField()
    todo = TextField()
    began_at = MomentField()
    seen_at = MomentField()
    ended_at = MomentField(null=True)
    told_at = MomentField(null=True)

    class Meta:
        primary_key = CompositeKey("name", "node", "area")
