"""Transport policies of receiving domains, and TLS sessions waiting to be reported."""

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField

from appliance.models.base import Table
from appliance.models.fields import MomentField, SealedField, row_id


class MtaStsPolicy(Table):
    """A domain's MTA-STS policy (RFC 8461); domain and policy are sealed, a private domain names a family."""

    id = BigIntegerField(primary_key=True, default=row_id)
    domain_index = BlobField(unique=True)
    sealed = SealedField()
    fetched_at = MomentField()
    refresh_at = MomentField()
    expires_at = MomentField()
    used_at = MomentField()


class TlsTally(Table):
    """Counters that one worker gathered for one domain in some minutes of one day (UTC)."""

    id = BigIntegerField(primary_key=True, default=row_id)
    day = IntegerField()
    """Days since 1970."""
    domain_index = BlobField()
    sealed = SealedField()


class TlsReport(Table):
    """A day's report to a domain (RFC 8460): whoever writes the row sends it."""

    day = IntegerField()
    domain_index = BlobField()
    attempts = IntegerField()
    next_at = MomentField()
    sent_at = MomentField(null=True)

    class Meta:
        primary_key = CompositeKey("day", "domain_index")
