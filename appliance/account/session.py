"""Login and the sessions that it opens (R21).

Owns login with throttling, server-side sessions and their end. Where a second step is due, the session is
half open: `resolve` does not see it, `halfway` does, and only `second_step` opens it. Refuses to say which of
id and password was wrong, to know cookies, and to lock an account for good (`throttle` says who waits). Fails
with `LoginRefused`.
"""

from datetime import datetime, timedelta

from appliance import audit, db, token
from appliance.account import factor, throttle
from appliance.account import password as passwords
from appliance.account.person import Halfway
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import LoginRefused
from appliance.models import Account, AccountSchool, Device, StaffSession
from appliance.states import DeviceState

_TOUCH = timedelta(minutes=1)  # a session's last sign of life is written at most so often
_HALF_OPEN = timedelta(minutes=15)
AGENT_MAX = 60


def login(
    config: Config,
    zone: Zone,
    login_id: str,
    password: str,
    *,
    network: str,
    now: datetime,
    device: Device | None = None,
    enrolling: bool = False,
    agent: str = "",
    browser: bytes | None = None,
) -> tuple[str, Actor | Halfway]:
    """Checks id and password and opens a session on `zone`, or half opens it. Returns the cookie's token.

    `device` is the known device that asks, or the one that is just `enrolling`; `agent` its browser as people
    call it; `browser` names one in which this account has logged in before. Raises `LoginRefused`: `wrong`,
    `suspended`, `throttled`, `not_your_device`. The time it takes does not depend on whether the account
    exists.
    """
    login_id = login_id.strip().lower()
    login_hash = throttle.login_hash(login_id)
    door = throttle.Door(config, zone, now)
    with db.guarded():
        wait_s = door.wait_s(login_hash, network, browser)
        if wait_s:
            raise LoginRefused("throttled", wait_s=wait_s)
        account = Account.get_or_none(Account.login_id == login_id)
    matches = passwords.matches(password, account.password_phc if account else passwords.NOBODY)
    why = _why_not(account if matches else None, device)
    if account is None or why is not None:
        with db.transaction():
            first = door.note(login_hash, network, browser)
            wait_s = door.wait_s(login_hash, network, browser)
            who = None if account is None else (account.id, account.role)
            if (first or wait_s) and not door.is_flood(network):
                told = "throttled" if wait_s else why or "wrong"
                audit.record_refused_login(zone, network, None if device is None else device.id, who, told)
            if door.guessed_wait_s(login_hash, network, browser):  # also in a flood
                audit.tell(who and who[0], audit.TOO_OFTEN)
        raise LoginRefused(why or "wrong")
    own = device is not None and device.kind != "school"  # one person's, enrolled in this very browser
    half = enrolling or factor.second_step(config, account, zone, device)
    life = _HALF_OPEN if half else timedelta(hours=config.account.session_hours)
    secret = token.fresh()
    with db.transaction():
        session = StaffSession.create(
            token_hash=token.hashed(secret),
            account=account,
            zone=zone,
            network=network,
            created_at=now,
            seen_at=now,
            ends_at=now + life,
            opened_at=None if half else now,
            confirmed_at=None if half else now,
            agent=agent[:AGENT_MAX],
            device=device,
        )
        _as_it_was(account)
        actor = actor_of(session, network)
        act = audit.Act.LOGIN_BEGUN if half else audit.Act.LOGIN
        audit.record(actor, act, "session", session.id)
        if browser is None and not own and not enrolling:
            audit.tell(account.id, audit.NEW_BROWSER)
    return secret.hex(), _halfway(session, network) if half else actor


def _as_it_was(account: Account) -> None:
    """Passwords are compared slowly: meanwhile somebody may have set another one, or suspended the account.

    Nobody can from here to the commit (`ending`). Raises `LoginRefused`.
    """
    found = Account.get_by_id(account.id)
    if (found.password_phc, found.state) != (account.password_phc, account.state):
        raise LoginRefused("wrong")


def resolve(
    config: Config,
    zone: Zone,
    text: str,
    *,
    network: str,
    now: datetime,
    device_id: int | None = None,
    by_itself: bool = False,
) -> Actor | None:
    """Who is behind a cookie's token, or None: unknown, half open, another site's or device's, idle, over,
    ended, suspended. What a page asks `by_itself` is no sign that somebody is there."""
    session = _living(config, zone, text, device_id, now)
    if session is None or session.opened_at is None:
        return None
    with db.guarded():
        if session.seen_at < now - _TOUCH and not by_itself:
            StaffSession.update(seen_at=now).where(StaffSession.id == session.id).execute()
        return actor_of(session, network)


def halfway(
    config: Config, zone: Zone, text: str, *, network: str, now: datetime, device_id: int | None = None
) -> Halfway | None:
    """Who stands between the two steps of a login with this cookie's token, or None."""
    session = _living(config, zone, text, device_id, now)
    return None if session is None or session.opened_at is not None else _halfway(session, network)


def enrolling_now(config: Config, zone: Zone, text: str, *, network: str, now: datetime) -> Halfway | None:
    """Who has logged in with the code of a device that is not enrolled yet and has no cookie, or None."""
    session = _living(config, zone, text, None, now, any_device=True)
    if session is None or bool(session.opened_at) or not bool(session.device_id):
        return None
    return _halfway(session, network) if session.device.state == DeviceState.APPROVED else None


def has_ended(session_id: int | None) -> bool:
    """Has somebody ended it by now? Half open ones, too."""
    living = StaffSession.id == session_id, StaffSession.ended_at.is_null()
    return not StaffSession.select().where(*living).exists()


def goes_on(actor: Actor, now: datetime) -> bool:
    """For an answer that takes longer than a request should: has nobody ended the actor's session meanwhile,
    or the account, or given it another role? A long download is not idle."""
    found: bool = (
        StaffSession.select()
        .join(Account)
        .where(
            StaffSession.id == actor.session_id,
            StaffSession.ended_at.is_null(),
            StaffSession.ends_at > now,
            Account.state == "active",
            Account.role == actor.role,
        )
        .exists()
    )
    return found


def _living(
    config: Config, zone: Zone, text: str, device_id: int | None, now: datetime, *, any_device: bool = False
) -> StaffSession | None:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        return None
    if any_device:
        same_device = StaffSession.id.is_null(False)
    elif device_id is None:
        same_device = StaffSession.device.is_null()
    else:
        same_device = StaffSession.device == device_id
    idle_since = now - timedelta(minutes=config.account.session_idle_minutes)
    with db.guarded():
        found: StaffSession | None = (
            StaffSession.select(StaffSession, Account)
            .join(Account)
            .where(
                StaffSession.token_hash == token.hashed(secret),
                StaffSession.zone == zone,
                StaffSession.ended_at.is_null(),
                StaffSession.ends_at > now,
                StaffSession.seen_at > idle_since,
                Account.state == "active",
                same_device,
            )
            .get_or_none()
        )
    return found


def logout(actor: Actor, now: datetime) -> None:
    """Ends the session that the actor acts through."""
    with db.transaction():
        StaffSession.update(ended_at=now).where(StaffSession.id == actor.session_id).execute()
        audit.record(actor, audit.Act.LOGOUT, "session", actor.session_id)


def leave(config: Config, zone: Zone, text: str, *, network: str, now: datetime) -> None:
    """Ends the session that a browser still has on this site, half open too, when somebody logs in anew.

    One that was over by itself stays as it ended.
    """
    former = _living(config, zone, text, None, now, any_device=True)
    if former is None:
        return
    with db.transaction():
        mine = StaffSession.id == former.id, StaffSession.ended_at.is_null()
        if StaffSession.update(ended_at=now).where(*mine).execute() == 1:
            audit.record(actor_of(former, network), audit.Act.LOGOUT, "session", former.id, next_login=True)


def role_of(account: Account) -> Role:
    return Role(account.role)


def at_school(device_id: int) -> bool:
    """Is this a school device, which many share, and not one person's own?"""
    found: bool = Device.select().where(Device.id == device_id, Device.kind == "school").exists()
    return found


def own_device(device_id: int | None) -> int | None:
    """The registered device of one person, whose key alone counts; None elsewhere and at a school's PC."""
    return None if device_id is None or at_school(device_id) else device_id


def actor_of(session: StaffSession, network: str) -> Actor:
    """Who acts through a session; for `session` and `second_step` alone, which know whether it is open."""
    account = session.account
    school_ids = AccountSchool.select(AccountSchool.school).where(AccountSchool.account == account).tuples()
    return Actor(
        account_id=account.id,
        role=role_of(account),
        school_ids=frozenset(row[0] for row in school_ids),
        zone=Zone(session.zone),
        network=network,
        session_id=session.id,
        display_name=account.display_name,
        device_id=session.device_id,
        confirmed_at=session.confirmed_at,
        password_changed_at=account.password_changed_at,
    )


def _halfway(session: StaffSession, network: str) -> Halfway:
    return Halfway(
        account_id=session.account_id,
        role=role_of(session.account),
        zone=Zone(session.zone),
        network=network,
        session_id=session.id,
        device_id=session.device_id,
        display_name=session.account.display_name,
    )


def _why_not(account: Account | None, device: Device | None) -> str | None:
    """`account` is the one whose password was right."""
    if account is None:
        return "wrong"
    if account.state != "active":
        return "suspended"
    return None if device is None or _theirs(device, account) else "not_your_device"


def _theirs(device: Device, account: Account) -> bool:
    """A registered device is its holder's; a school device is for the people of its school, or of all."""
    if device.kind != "school":
        return bool(device.holder_id == account.id)
    if device.school_id is None or account.role == Role.WARD_OFFICER:
        return True
    found: bool = (
        AccountSchool.select()
        .where(AccountSchool.account == account, AccountSchool.school == device.school_id)
        .exists()
    )
    return found
