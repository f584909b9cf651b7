"""人事異動: people end, move to another school, several at once; and are stopped at any hour (R15).

Owns the end of work at a school, the move, suspension and its lifting, and the end of somebody's sessions
alone. What is stopped is stopped everywhere in the same transaction: every session on both sites, every link
that is still out; with an account also its second factors and its own devices. Refuses to let somebody in
(`report`, `invitation`). Fails with `NotAllowed`, `NotYours`, `WrongState`; then the list stays as it was.
"""

from collections.abc import Sequence
from datetime import datetime

from appliance import access, audit, db, device, notice, states
from appliance.account import factor
from appliance.account import password as passwords
from appliance.account.ending import end_sessions, hold
from appliance.account.people import end_invitations
from appliance.actor import CONSOLE, Actor, Role
from appliance.errors import NotYours, WrongState
from appliance.models import Account, AccountSchool, PersonReport
from appliance.states import AccountState, ReportState


def at_school(school_id: int) -> list[Account]:
    """Who works there, principals first."""
    return list(
        Account.select()
        .join(AccountSchool)
        .where(AccountSchool.school == school_id)
        .order_by(Account.role, Account.login_id)
    )


def end(actor: Actor, accounts: Sequence[Account], school_id: int, now: datetime) -> None:
    """Their work at this school ends; who has no other school left loses the account."""
    access.require(access.may_end_at(actor, school_id))
    with db.transaction():
        hold(*accounts)
        for account in accounts:
            if actor.role is not Role.WARD_OFFICER:
                access.require(access.may_suspend(actor, account))
            _leave(account, school_id)
            if not AccountSchool.select().where(AccountSchool.account == account).exists():
                _stop(actor, account, AccountState.ENDED, now)
            audit.record(actor, audit.Act.ACCOUNT_ENDED, "account", account.id, school_id=school_id)


def move(actor: Actor, accounts: Sequence[Account], from_id: int, to_id: int, now: datetime) -> None:
    """From one school to another, with role and password; what they see changes at their next click.

    The ward's own word stands in the new school's register, as report and approval (R15).
    """
    access.require(access.may_move(actor))
    if from_id == to_id:
        raise WrongState("the same school")
    with db.transaction():
        hold(*accounts)
        for account in accounts:
            _leave(account, from_id)
            AccountSchool.insert(account=account, school=to_id).on_conflict_ignore().execute()
            if actor != CONSOLE:
                PersonReport.create(
                    school=to_id, login_id=account.login_id, display_name=account.display_name,
                    role=account.role, duty=account.duty, state=ReportState.APPROVED, account=account,
                    reported_by=actor.account_id, reported_at=now,
                    decided_by=actor.account_id, decided_at=now,
                )  # fmt: skip
            audit.record(actor, audit.Act.ACCOUNT_MOVED, "account", account.id, school_id=to_id, left=from_id)


def retire(actor: Actor, account: Account, now: datetime) -> None:
    """An account of the ward or the vendor ends."""
    access.require(access.may_suspend(actor, account))
    if account.role in access.OF_A_SCHOOL:
        raise WrongState("people of a school end at their school")
    with db.transaction():
        _stop(actor, account, AccountState.ENDED, now)
        audit.record(actor, audit.Act.ACCOUNT_ENDED, "account", account.id)


def suspend(actor: Actor, account: Account, now: datetime) -> int:
    """Stops somebody at once, on both sites; how many sessions that ended. Raises `NotAllowed`."""
    access.require(access.may_suspend(actor, account))
    with db.transaction():
        ended = _stop(actor, account, AccountState.SUSPENDED, now)
        audit.record(actor, audit.Act.ACCOUNT_SUSPENDED, "account", account.id, sessions=ended)
    return ended


def log_out(actor: Actor, account: Account, now: datetime) -> int:
    """Ends somebody's sessions on both sites, and nothing else; how many. Raises `NotAllowed`."""
    access.require(access.may_suspend(actor, account))
    with db.transaction():
        ended = end_sessions(account, now)
        audit.record(actor, audit.Act.ACCOUNT_LOGGED_OUT, "account", account.id, sessions=ended)
    return ended


def resume(actor: Actor, account: Account) -> None:
    """Lets a suspended person in again. Raises `NotAllowed`, `WrongState`."""
    access.require(access.may_resume(actor, account))
    never = account.password_phc == passwords.NOBODY
    with db.transaction():
        _become(account, AccountState.INVITED if never else AccountState.ACTIVE, (AccountState.SUSPENDED,))
        audit.record(actor, audit.Act.ACCOUNT_RESUMED, "account", account.id)


def _stop(actor: Actor, account: Account, after: AccountState, now: datetime) -> int:
    hold(account)
    _become(account, after, states.sources(after))
    end_invitations(account, now)
    if after is AccountState.ENDED:  # who comes back one day proves anew who is there
        factor.forget(account)
        device.end_own_of(actor, account, now)
        notice.forget(account.id, now)
    return end_sessions(account, now)


def _become(account: Account, after: AccountState, before: Sequence[str]) -> None:
    changed = (
        Account.update(state=after).where(Account.id == account.id, Account.state.in_(list(before))).execute()
    )
    if changed != 1:
        raise WrongState(f"the account cannot become {after}")


def _leave(account: Account, school_id: int) -> None:
    gone = (
        AccountSchool.delete()
        .where(AccountSchool.account == account, AccountSchool.school == school_id)
        .execute()
    )
    if gone != 1:
        raise NotYours("account at this school")
