"""Accounts of staff and their sessions (R15, R21).

Owns passwords (Argon2id), login with throttling, server-side sessions and their end. Refuses to say which of
id and password was wrong, to know cookies, and to lock an account for good: throttling is per account *and*
network, so that a stranger elsewhere cannot lock a principal out. Fails with `LoginRefused` and, for a
password that may not be one, `TextInvalid`.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from peewee import IntegrityError

from appliance import audit, db, token
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import LoginRefused, TextInvalid
from appliance.models import Account, AccountSchool, LoginFailure, StaffSession

_WINDOW = timedelta(minutes=15)
_TOUCH = timedelta(minutes=1)  # a session's last sign of life is written at most so often
_ITERATIONS, _LANES, _MEMORY_KIB = 2, 1, 19 * 1024  # OWASP's minimum for Argon2id
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43


def _phc(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(_password_form(password))


def _matches(password: str, phc: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(_password_form(password), phc)
    except InvalidKey:
        return False
    return True


def _password_form(password: str) -> bytes:
    """The same password from a Japanese and a western keyboard is the same bytes (RFC 8265)."""
    return unicodedata.normalize("NFKC", password).encode()


def check_password(config: Config, password: str, *forbidden: str) -> None:
    """Raises `TextInvalid("password", …)`: `too_short`, `too_long`, `guessable`."""
    if len(password) < config.account.password_min_length:
        raise TextInvalid("password", "too_short")
    if len(password) > 200:
        raise TextInvalid("password", "too_long")
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < 5 or any(word and word.casefold() in folded for word in forbidden):
        raise TextInvalid("password", "guessable")


def add(
    config: Config,
    *,
    login_id: str,
    role: Role,
    display_name: str,
    school_ids: Iterable[int],
    password: str,
    now: datetime,
) -> Account:
    """A new account. Raises `TextInvalid` (`login_id`: `taken`, `empty`; `password`)."""
    login_id = login_id.strip().lower()
    if not login_id:
        raise TextInvalid("login_id", "empty")
    check_password(config, password, login_id)
    try:
        with db.transaction():
            account: Account = Account.create(
                login_id=login_id,
                role=role,
                display_name=display_name,
                password_phc=_phc(password),
                password_changed_at=now,
                created_at=now,
            )
            for school_id in school_ids:
                AccountSchool.create(account=account, school=school_id)
    except IntegrityError:
        raise TextInvalid("login_id", "taken") from None
    return account


def login(
    config: Config, zone: Zone, login_id: str, password: str, *, network: str, now: datetime
) -> tuple[str, Actor]:
    """Checks id and password and opens a session on `zone`. Returns the cookie's token.

    Raises `LoginRefused`. The time it takes does not depend on whether the
    account exists.
    """
    login_id = login_id.strip().lower()
    login_hash = hashlib.sha256(login_id.encode()).digest()
    with db.guarded():
        failures = list(
            LoginFailure.select(LoginFailure.at)
            .where(
                LoginFailure.login_hash == login_hash,
                LoginFailure.network == network,
                LoginFailure.at > now - _WINDOW,
            )
            .order_by(LoginFailure.at)
            .tuples()
        )
        if len(failures) >= config.account.failures_per_quarter_hour:
            wait = failures[-config.account.failures_per_quarter_hour][0] + _WINDOW - now
            raise LoginRefused("throttled", wait_s=max(1, int(wait.total_seconds())))
        account = Account.get_or_none(Account.login_id == login_id)
    matches = _matches(password, account.password_phc if account else _NOBODY)
    if account is None or not matches or account.state != "active":
        with db.transaction():
            LoginFailure.create(login_hash=login_hash, network=network, at=now)
            LoginFailure.delete().where(LoginFailure.at < now - timedelta(days=1)).execute()
        raise LoginRefused("suspended" if account is not None and matches else "wrong")
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


def change_password(config: Config, actor: Actor, old: str, new: str, now: datetime) -> None:
    """Changes the actor's password, ends its other sessions. Raises `LoginRefused`, `TextInvalid`."""
    account = Account.get_by_id(actor.account_id)
    if not _matches(old, account.password_phc):
        raise LoginRefused("wrong")
    check_password(config, new, account.login_id)
    if _matches(new, account.password_phc):
        raise TextInvalid("password", "same")
    with db.transaction():
        Account.update(password_phc=_phc(new), password_changed_at=now).where(
            Account.id == account.id
        ).execute()
        StaffSession.update(ended_at=now).where(
            StaffSession.account == account, StaffSession.id != actor.session_id
        ).execute()
        audit.record(actor, audit.Act.PASSWORD_CHANGED, "account", account.id)


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
    )
