"""The checkpoint that leaves the building: once a day one letter to the ward (`audit.mail_to`).

Owns when it is due and that it goes once, whichever worker notices. Refuses its words and its attachment: the
mail zone writes them, at the moment of sending, with the signatures that there are by then. Fails as the
database does.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from peewee import fn

from appliance import address, db
from appliance.config import Config
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.keys import Keyring
from appliance.keystore import WARD
from appliance.models import AuditCheckpoint, AuditMailed
from appliance.registration.request import address_row

_LIFE = timedelta(days=3)


def queue(config: Config, keyring: Keyring, now: datetime) -> int | None:
    """Queues today's letter if it is time; the size it speaks of, or None. Raises `DatabaseUnavailable`."""
    if config.audit.mail_to is None:
        return None
    today = now.astimezone(ZoneInfo(config.ward.timezone))
    if today.hour < config.audit.mail_hour:
        return None
    day = today.date().toordinal()
    with db.guarded():
        if AuditMailed.select().where(AuditMailed.day == day).exists():
            return None
    with db.transaction():
        size = AuditCheckpoint.select(fn.MAX(AuditCheckpoint.size)).scalar()
        if size is None:
            return None
        first = AuditMailed.insert(day=day, size=size).on_conflict_ignore().as_rowcount().execute()
        if not first:
            return None
        ward = address_row(keyring, WARD, address.parse(config.audit.mail_to), now)
        letters.queue(LetterKind.CHECKPOINT, ward, now=now, life=_LIFE, about=str(size))
    return int(size)
