"""宛先: whom a broadcast means, whether a school sends it or the ward.

Owns the choice between the two kinds of rule, so that sending, reach and status need not make it. Refuses to
know how either works: `appliance.audience` and `appliance.ward_audience` do. Cannot fail but as the database
does.
"""

from collections.abc import Collection

from appliance import audience, db, ward_audience
from appliance.audience import Audience, Echo
from appliance.models import Broadcast
from appliance.ward_audience import WardAudience, WardEcho


def rule(broadcast: Broadcast) -> Audience | WardAudience:
    """The rule as its writer chose it."""
    return (WardAudience if broadcast.school_id is None else Audience).read(broadcast.audience)


def nobody(school_id: int | None) -> Audience | WardAudience:
    """The rule of a draft of which this has not been asked yet."""
    return WardAudience(frozenset()) if school_id is None else Audience(frozenset())


def is_chosen(broadcast: Broadcast) -> bool:
    """Has its writer said to whom?"""
    return rule(broadcast) != nobody(broadcast.school_id)


def echo(broadcast: Broadcast) -> Echo | WardEcho:
    """The counts of this moment."""
    chosen, urgent = rule(broadcast), bool(broadcast.urgent)
    if isinstance(chosen, WardAudience):
        return ward_audience.echo(chosen, urgent=urgent)
    return audience.echo(broadcast.school_id, chosen, urgent=urgent)


def members(
    broadcast: Broadcast, *, urgent: bool, of: Collection[int] | None = None
) -> tuple[str, tuple[object, ...]]:
    """FROM and WHERE over registrations `r`, children `c` and addresses `a`; `of` keeps to these schools."""
    chosen = rule(broadcast)
    if isinstance(chosen, WardAudience):
        source, parameters = ward_audience.members(chosen, urgent=urgent)
    else:
        source, parameters = audience.members(broadcast.school_id, chosen, urgent=urgent)
    if of is not None:
        source += f" AND r.school_id IN ({db.listed(of or [0])})"
    return source, parameters
