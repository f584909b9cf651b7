"""Broadcasts and the queue: one row per recipient, never a checkpoint per broadcast."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from appliance import clock
from appliance.models.base import Table
from appliance.models.fields import MomentField, SealedField, micros, row_id
from appliance.models.people import Account
from appliance.models.registry import Address, Registration
from appliance.models.school import School


class Broadcast(Table):
    """一斉配信. `school` is empty where the ward sends it."""

    school = ForeignKeyField(School, null=True)
    author = ForeignKeyField(Account)
    urgent = BooleanField()
    category = TextField()
    subject = TextField()
    body = TextField()
    audience = TextField()
    state = TextField()
    once_key = TextField(unique=True)
    created_at = MomentField()
    submitted_at = MomentField(null=True)
    decided_by = ForeignKeyField(Account, null=True, backref="decided")
    decided_at = MomentField(null=True)
    started_at = MomentField(null=True)
    finished_at = MomentField(null=True)
    useful_until = MomentField(null=True)
    sent_late_at = MomentField(null=True)  # a person sent on what an outage had left over


class BroadcastSchool(Table):
    """A school to whose guardians a broadcast of the ward went."""

    broadcast = ForeignKeyField(Broadcast)
    school = ForeignKeyField(School)

    class Meta:
        primary_key = CompositeKey("broadcast", "school")


def _in_order() -> int:
    """The turn of a letter: first come, first served."""
    return micros(clock.now())


class Delivery(Table):
    """One mail to one address, from `queued` to its end. Of a site's lane the smallest `turn` goes first."""

    kind = TextField()
    school_id = BigIntegerField()
    broadcast = ForeignKeyField(Broadcast, null=True)
    registration = ForeignKeyField(Registration, null=True)
    address = ForeignKeyField(Address)
    site = TextField()
    lane = IntegerField()
    turn = BigIntegerField(default=_in_order)
    state = TextField()
    attempts = IntegerField(default=0)
    next_at = MomentField()
    expires_at = MomentField()
    claim_token = BigIntegerField(null=True)
    claimed_by = TextField(null=True)
    lease_until = MomentField(null=True)
    about = TextField(default="")  # closed words that a letter's text depends on
    code = IntegerField(default=0)
    enhanced = TextField(default="")
    reason = TextField(default="")
    uncertain = BooleanField(default=False)
    created_at = MomentField()
    due_at = MomentField(null=True)  # when it might first go; None: at once, when it was made
    settled_at = MomentField(null=True)


class Attempt(Table):
    """An attempt that did not end in the receiver's 250; the one that did is on the delivery itself."""

    delivery = ForeignKeyField(Delivery)
    at = MomentField()
    worker = TextField()
    kind = TextField()
    code = IntegerField()
    enhanced = TextField()
    reason = TextField()
    uncertain = BooleanField()


class Prepared(Table):
    """A signature that was made before its mail may leave, sealed by the mail zone."""

    delivery = ForeignKeyField(Delivery, primary_key=True)
    broadcast = ForeignKeyField(Broadcast)
    signed = SealedField()


class Worker(Table):
    """A mail worker that is alive: since when, and when it last said so."""

    name = TextField(primary_key=True)
    node = TextField()
    since = MomentField()
    seen_at = MomentField()


class Pace(Table):
    """How fast a carrier took one broadcast: so many letters, at their first attempt, in so long."""

    broadcast = ForeignKeyField(Broadcast)
    carrier = TextField()
    urgent = BooleanField()
    letters = IntegerField()
    span_ms = BigIntegerField()
    at = MomentField()


class NotedBounce(Table):
    """A bounce that came before the commit of its delivery's 250."""

    delivery_id = BigIntegerField(primary_key=True)
    attempts = IntegerField()
    code = IntegerField()
    enhanced = TextField()
    reason = TextField()
    noted_at = MomentField()


class Confirmation(Table):
    """確認: a guardian's own act shows that this delivery arrived. How: a reply, a link."""

    delivery = ForeignKeyField(Delivery, primary_key=True)
    at = MomentField()
    how = TextField()


class Inquiry(Table):
    """問合せ: what a guardian wrote beyond the words we know, sealed for the desk."""

    id = BigIntegerField(primary_key=True, default=row_id)
    school_id = BigIntegerField()  # 0: the ward
    address = ForeignKeyField(Address)
    delivery = ForeignKeyField(Delivery, null=True)
    sealed = SealedField()
    state = TextField(default="open")
    received_at = MomentField()
