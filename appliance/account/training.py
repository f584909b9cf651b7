"""研修: everybody reads the rules once in a school year and says so (R33).

Owns the acknowledgements. Refuses to know the rules' words: the page has them. Cannot fail; saying it twice
is saying it once.
"""

from datetime import datetime

from appliance import audit, db
from appliance.account.term import school_year
from appliance.actor import Actor
from appliance.config import Config
from appliance.models import Training


def acknowledge(config: Config, actor: Actor, now: datetime) -> None:
    """The actor has read the rules."""
    year = school_year(config, now)
    with db.transaction():
        if acknowledged_at(actor.account_id, year) is None:
            Training.create(account=actor.account_id, school_year=year, acknowledged_at=now)
            audit.record(actor, audit.Act.TRAINING_ACKNOWLEDGED, "account", actor.account_id, year=year)


def acknowledged_at(account_id: int, year: int) -> datetime | None:
    """When, in this school year; None: not yet."""
    found = Training.get_or_none(Training.account == account_id, Training.school_year == year)
    return None if found is None else found.acknowledged_at
