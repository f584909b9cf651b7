"""配信テスト: once a month a mail asks every guardian to say that it arrived.

Owns its fixed text, its draft, the switch per school and the start by itself on the ward's day and hour. It
is a broadcast like others, in the routine lane, with the same checks and the same approval when a person
starts it. What starts by itself acts for the account that switched it on, as long as that account may send
for the school. Refuses urgency, another text, a second one in a month by itself, and starting at night or a
week late. Fails with `NotAllowed`, and as `send` does.
"""

from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from peewee import IntegrityError

from appliance import access, audience, audit, db, log
from appliance.actor import Actor, Role
from appliance.audience import Audience
from appliance.broadcast.draft import draft
from appliance.broadcast.send import send
from appliance.broadcast.wording import TEST
from appliance.config import Config, Zone
from appliance.errors import BroadcastError, NotAllowed, WrongState
from appliance.models import Account, AccountSchool, Broadcast, School

GRACE_DAYS = 7
"""So late a test that was missed still starts."""
LATEST_HOUR = 20
WHOLE_SCHOOL = Audience(None)


def wording() -> tuple[str, str]:
    """Subject and text, in the languages of the letters."""
    text = files(__package__).joinpath("delivery_test.txt").read_text(encoding="utf-8")
    subject, _, body = text.partition("\n")
    return subject, body.strip("\n")


def begin(actor: Actor, school: School, *, once_key: str, now: datetime) -> Broadcast:
    """The draft of a test to the whole school. Raises `NotAllowed`, `WrongState` as `draft` does."""
    subject, body = wording()
    return draft(
        actor, school, urgent=False, category=TEST, once_key=once_key, now=now,
        subject=subject, body=body, audience=WHOLE_SCHOOL,
    )  # fmt: skip


def switch(actor: Actor, school: School, *, on: bool) -> None:
    """Monthly tests, or none. Doing it again changes nothing. Raises `NotAllowed`."""
    reason = access.may_send(actor, school)
    if reason is not None:
        raise NotAllowed(reason)
    with db.transaction():
        changed = (
            School.update(tests_by=actor.account_id if on else None)
            .where(School.id == school.id, School.tests_by.is_null(on))
            .execute()
        )
        if changed:
            audit.record(actor, audit.Act.TESTS_SWITCHED, "school", school.id, school_id=school.id, on=on)
    school.tests_by = actor.account_id if on else None


def start_due(config: Config, now: datetime) -> int:
    """Starts what is due at this moment and returns how many. Safe in several workers: a month has one."""
    local = now.astimezone(ZoneInfo(config.ward.timezone))
    first, hour = config.broadcast.test_day, config.broadcast.test_hour
    if not first <= local.day < first + GRACE_DAYS or not hour <= local.hour < max(hour + 1, LATEST_HOUR):
        return 0
    with db.guarded():
        schools = list(School.select().where(School.tests_by.is_null(False), School.state == "open"))
        keys = {f"delivery-test-{school.id}-{local:%Y-%m}": school for school in schools}
        begun = {row[0] for row in _begun(list(keys))}
    return sum(_start(config, school, key, now) for key, school in keys.items() if key not in begun)


def _begun(keys: list[str]) -> list[tuple[str]]:
    if not keys:
        return []
    return list(Broadcast.select(Broadcast.once_key).where(Broadcast.once_key.in_(keys)).tuples())


def _start(config: Config, school: School, key: str, now: datetime) -> bool:
    """One school's; False if it has nobody to write to, or nobody any more who may send."""
    actor = _actor(school)
    if actor is None or access.may_send(actor, school) is not None:
        return False
    shown = audience.echo(school.id, WHOLE_SCHOOL, urgent=False).addresses
    if shown == 0:
        return False
    try:
        with db.transaction():
            written = begin(actor, school, once_key=key, now=now)
            send(config, actor, written, shown_addresses=shown, now=now)
    except (BroadcastError, IntegrityError, WrongState):  # somebody registered just now; another was first
        return False
    log.tests_begun(school.id, shown)
    return True


def _actor(school: School) -> Actor | None:
    account: Account | None = (
        Account.select(Account.id, Account.role)  # a mail worker may read no more of it
        .where(Account.id == school.tests_by, Account.state == "active")
        .get_or_none()
    )
    if account is None:
        return None
    rows = AccountSchool.select(AccountSchool.school).where(AccountSchool.account == account.id).tuples()
    return Actor(account.id, Role(account.role), frozenset(row[0] for row in rows), Zone.MAIL)
