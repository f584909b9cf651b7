"""Login and the sessions that it opens (R21).

Owns login, server-side sessions and their end. Refuses to say which of id and password was wrong, to know
cookies, and to lock an account for good (`throttle` says who waits). Fails with `LoginRefused`.
"""

from datetime import datetime, timedelta

from appliance import audit, db, token
from appliance.account import password as passwords
from appliance.account import throttle
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import LoginRefused
from appliance.models import Account, AccountSchool, StaffSession

_TOUCH = timedelta(minutes=1)  # a session's last sign of life is written at most so often


def login(
    config: Config,
    zone: Zone,
    login_id: str,
    password: str,
    *,
    network: str,
    now: datetime,
    browser: bytes | None = None,
) -> tuple[str, Actor]:
    """Checks id and password and opens a session on `zone`. Returns the cookie's token.

    `browser` names one in which this account has logged in before. Raises `LoginRefused`. The time it takes
    does not depend on whether the account exists.
    """
    login_id = login_id.strip().lower()
    login_hash = throttle.login_hash(login_id)
    with db.guarded():
        wait_s = throttle.wait_s(config, login_hash, network, browser, now)
        if wait_s:
            raise LoginRefused("throttled", wait_s=wait_s)
        account = Account.get_or_none(Account.login_id == login_id)
    matches = passwords.matches(password, account.password_phc if account else passwords.NOBODY)
    if account is None or not matches or account.state != "active":
        why = "suspended" if account is not None and matches else "wrong"
        with db.transaction():
            first = throttle.note(login_hash, network, browser, now)
            wait_s = throttle.wait_s(config, login_hash, network, browser, now)
            if (first or wait_s) and not throttle.is_flood(network, now):
                who = None if account is None else (account.id, account.role)
                audit.record_refused_login(zone, network, who, "throttled" if wait_s else why)
        raise LoginRefused(why)
    secret = token.fresh()
    with db.transaction():
        session = StaffSession.create(
            token_hash=token.hashed(secret),
            account=account,
            zone=zone,
            network=network,
            created_at=now,
            seen_at=now,
            ends_at=now + timedelta(hours=config.account.session_hours),
        )
        actor = _actor(account, zone, network, session.id)
        audit.record(actor, audit.Act.LOGIN, "session", session.id)
    return secret.hex(), actor


def resolve(config: Config, zone: Zone, text: str, *, network: str, now: datetime) -> Actor | None:
    """Who is behind a cookie's token, or None: unknown, another site's, idle, over, ended, suspended."""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        return None
    idle_since = now - timedelta(minutes=config.account.session_idle_minutes)
    with db.guarded():
        session = (
            StaffSession.select(StaffSession, Account)
            .join(Account)
            .where(
                StaffSession.token_hash == token.hashed(secret),
                StaffSession.zone == zone,
                StaffSession.ended_at.is_null(),
                StaffSession.ends_at > now,
                StaffSession.seen_at > idle_since,
                Account.state == "active",
            )
            .get_or_none()
        )
        if session is None:
            return None
        if session.seen_at < now - _TOUCH:
            StaffSession.update(seen_at=now).where(StaffSession.id == session.id).execute()
        return _actor(session.account, zone, network, session.id)


def logout(actor: Actor, now: datetime) -> None:
    """Ends the session that the actor acts through."""
    with db.transaction():
        StaffSession.update(ended_at=now).where(StaffSession.id == actor.session_id).execute()
        audit.record(actor, audit.Act.LOGOUT, "session", actor.session_id)


def _actor(account: Account, zone: Zone, network: str, session_id: int) -> Actor:
    school_ids = AccountSchool.select(AccountSchool.school).where(AccountSchool.account == account).tuples()
    return Actor(
        account_id=account.id,
        role=Role(account.role),
        school_ids=frozenset(row[0] for row in school_ids),
        zone=zone,
        network=network,
        session_id=session_id,
        display_name=account.display_name,
        password_changed_at=account.password_changed_at,
    )
