"""Who has an account (R15, R21).

Owns new accounts and the change of one's own password. Refuses to know what a password may be (`password`
does). Fails with `TextInvalid` and, when the old password is wrong, `LoginRefused`.
"""

from collections.abc import Iterable
from datetime import datetime

from peewee import IntegrityError

from appliance import audit, db
from appliance.account import password as passwords
from appliance.actor import Actor, Role
from appliance.config import Config
from appliance.errors import LoginRefused, TextInvalid
from appliance.models import Account, AccountSchool, StaffSession


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
    passwords.check(config, password, login_id)
    try:
        with db.transaction():
            account: Account = Account.create(
                login_id=login_id,
                role=role,
                display_name=display_name,
                password_phc=passwords.kept(password),
                password_changed_at=now,
                created_at=now,
            )
            for school_id in school_ids:
                AccountSchool.create(account=account, school=school_id)
    except IntegrityError:
        raise TextInvalid("login_id", "taken") from None
    return account


def change_password(config: Config, actor: Actor, old: str, new: str, now: datetime) -> None:
    """Changes the actor's password, ends its other sessions. Raises `LoginRefused`, `TextInvalid`."""
    account = Account.get_by_id(actor.account_id)
    if not passwords.matches(old, account.password_phc):
        raise LoginRefused("wrong")
    passwords.check(config, new, account.login_id)
    if passwords.matches(new, account.password_phc):
        raise TextInvalid("password", "same")
    with db.transaction():
        Account.update(password_phc=passwords.kept(new), password_changed_at=now).where(
            Account.id == account.id
        ).execute()
        StaffSession.update(ended_at=now).where(
            StaffSession.account == account, StaffSession.id != actor.session_id
        ).execute()
        audit.record(actor, audit.Act.PASSWORD_CHANGED, "account", account.id)
