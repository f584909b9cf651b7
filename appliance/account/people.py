"""Who has an account (R15, R21).

Owns new accounts and the password of one: changed by its owner, or set anew by an invitation. Refuses to know
what a password may be (`password` does). Fails with `TextInvalid` and, when the old password is wrong or was
wrong too often, `FactorRefused`.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from peewee import IntegrityError

from appliance import audit, db
from appliance.account import password as passwords
from appliance.account import second_step
from appliance.account.ending import end_sessions, hold
from appliance.account.guessable import words_of_ward
from appliance.actor import Actor, Duty, Role
from appliance.config import Config
from appliance.errors import TextInvalid
from appliance.models import Account, AccountSchool, Invitation
from appliance.states import AccountState

LOGIN_ID_MAX = 40
NAME_MAX = 40
_LOGIN_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")


def add(
    config: Config,
    *,
    login_id: str,
    role: Role,
    display_name: str,
    school_ids: Iterable[int],
    password: str | None,
    now: datetime,
    duty: Duty | None = None,
) -> Account:
    """A new account; without a password it waits for its invitation.

    `duty` follows from the role when it is not given. Raises `TextInvalid` (`login_id`: `taken`, `empty`,
    `too_long`, `characters`; `password`).
    """
    login_id = checked_login_id(login_id)
    if password is not None:
        passwords.check(config, password, {login_id, display_name, *words_of_ward(config)})
    try:
        with db.transaction():
            account: Account = Account.create(
                login_id=login_id,
                role=role,
                duty=duty or (Duty.MANAGER if role is Role.PRINCIPAL else Duty.HANDLER),
                display_name=display_name,
                password_phc=passwords.NOBODY if password is None else passwords.kept(password),
                state=AccountState.INVITED if password is None else AccountState.ACTIVE,
                password_changed_at=now,
                created_at=now,
            )
            for school_id in school_ids:
                AccountSchool.create(account=account, school=school_id)
    except IntegrityError:
        raise TextInvalid("login_id", "taken") from None
    return account


def checked_login_id(text: str) -> str:
    """As it is kept. Raises `TextInvalid("login_id", …)`: `empty`, `too_long`, `characters`."""
    login_id = text.strip().lower()
    if not login_id:
        raise TextInvalid("login_id", "empty")
    if len(login_id) > LOGIN_ID_MAX:
        raise TextInvalid("login_id", "too_long")
    if not _LOGIN_ID.fullmatch(login_id):
        raise TextInvalid("login_id", "characters")
    return login_id


def change_password(config: Config, actor: Actor, old: str, new: str, now: datetime) -> None:
    """Changes the actor's password, ends its other sessions. Raises `FactorRefused`, `TextInvalid`."""
    second_step.check_password(config, actor, old, now)
    account = Account.get_by_id(actor.account_id)
    new_phc = fresh_password(config, account, new)
    with db.transaction():
        set_password(account, new_phc, now, keep_session=actor.session_id)
        audit.record(actor, audit.Act.PASSWORD_CHANGED, "account", account.id)


def fresh_password(config: Config, account: Account, new: str) -> str:
    """The form in which this new password of the account is kept. Raises `TextInvalid`."""
    passwords.check(config, new, {account.login_id, account.display_name, *words_of_ward(config)})
    if passwords.matches(new, account.password_phc):
        raise TextInvalid("password", "same")
    return passwords.kept(new)


def set_password(account: Account, phc: str, now: datetime, *, keep_session: int | None = None) -> None:
    """Inside the caller's transaction: a new password ends every session but one, and every invitation."""
    hold(account)
    Account.update(password_phc=phc, password_changed_at=now).where(Account.id == account.id).execute()
    end_sessions(account, now, keep_session=keep_session)
    end_invitations(account, now)


def end_invitations(account: Account, now: datetime) -> None:
    """Links that nobody has used set no password any more."""
    Invitation.update(ended_at=now).where(
        Invitation.account == account, Invitation.used_at.is_null(), Invitation.ended_at.is_null()
    ).execute()
