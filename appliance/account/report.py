"""届出: a person is named to the ward, and the ward decides (R15, R19).

Owns the reports and what follows from an approval: a new account that waits for its invitation, or one more
school for a person who has an account already. One person, one account. Refuses to end or move anybody
(`handover`). Fails with `NotAllowed`, `TextInvalid`, and `WrongState` for a report that is decided.
"""

from datetime import datetime

from peewee import IntegrityError

from appliance import access, audit, db, states
from appliance.account import password as passwords
from appliance.account.ending import hold
from appliance.account.people import NAME_MAX, add, checked_login_id
from appliance.actor import Actor, Duty, Role
from appliance.config import Config
from appliance.errors import NotAllowed, TextInvalid, WrongState
from appliance.models import Account, AccountSchool, PersonReport
from appliance.states import AccountState, ReportState


def report(
    actor: Actor,
    *,
    login_id: str,
    display_name: str,
    role: Role,
    duty: Duty,
    school_id: int | None,
    now: datetime,
) -> PersonReport:
    """Names a person. Raises `NotAllowed`, `TextInvalid` (`login_id`, `display_name`; `reported` twice).

    Whether the login id exists already is not said here: only the ward learns that, when it decides.
    """
    access.require(access.may_report(actor, role, school_id))
    login_id, display_name = checked_login_id(login_id), checked_name(display_name)
    try:
        with db.transaction():
            made: PersonReport = PersonReport.create(
                school=school_id, login_id=login_id, display_name=display_name, role=role, duty=duty,
                reported_by=actor.account_id, reported_at=now,
            )  # fmt: skip
            audit.record(
                actor, audit.Act.PERSON_REPORTED, "person_report", made.id, school_id=school_id, role=role
            )
    except IntegrityError:
        raise TextInvalid("login_id", "reported") from None
    return made


def checked_name(text: str) -> str:
    """As it is kept. Raises `TextInvalid("display_name", …)`: `empty`, `too_long`, `characters`."""
    name = " ".join(text.split())
    if not name:
        raise TextInvalid("display_name", "empty")
    if len(name) > NAME_MAX:
        raise TextInvalid("display_name", "too_long")
    if not name.isprintable():
        raise TextInvalid("display_name", "characters")
    return name


def waiting() -> list[PersonReport]:
    """What the ward has to decide, the oldest first."""
    return list(
        PersonReport.select()
        .where(PersonReport.state == ReportState.REPORTED)
        .order_by(PersonReport.reported_at, PersonReport.id)
    )


def holder(found: PersonReport) -> Account | None:
    """Who has this login id already."""
    held: Account | None = Account.get_or_none(Account.login_id == found.login_id)
    return held


def approve(config: Config, actor: Actor, found: PersonReport, now: datetime) -> Account:
    """The ward's word. Raises `NotAllowed`, `WrongState`.

    `NotAllowed("one_role")`: the person acts for the ward or the vendor and was named for a school, or the
    other way round. `NotAllowed("other_role")`: another school has the person in another role or duty, which
    nobody there has asked to change (R13, R15). `NotAllowed("another_person")`: somebody of another name had
    the login id before.
    """
    access.require(access.may_decide(actor, found))
    with db.transaction():
        _decide(actor, found, ReportState.APPROVED, now)
        account = holder(found)
        if account is None:
            account = add(
                config, login_id=found.login_id, role=Role(found.role), duty=Duty(found.duty),
                display_name=found.display_name, school_ids=[], password=None, now=now,
            )  # fmt: skip
            audit.record(actor, audit.Act.ACCOUNT_ADDED, "account", account.id, role=found.role)
        else:
            hold(account)
            account = Account.get_by_id(account.id)
            _take_up(account, found)
        if found.school_id is not None:
            AccountSchool.insert(account=account, school=found.school_id).on_conflict_ignore().execute()
        PersonReport.update(account=account).where(PersonReport.id == found.id).execute()
        audit.record(
            actor, audit.Act.PERSON_APPROVED, "person_report", found.id, school_id=found.school_id,
            account=account.id, role=found.role,
        )  # fmt: skip
    return account


def refuse(actor: Actor, found: PersonReport, now: datetime) -> None:
    """Nothing follows. Raises `NotAllowed`, `WrongState`."""
    access.require(access.may_decide(actor, found))
    with db.transaction():
        _decide(actor, found, ReportState.REFUSED, now)
        audit.record(actor, audit.Act.PERSON_REFUSED, "person_report", found.id, school_id=found.school_id)


def _take_up(account: Account, found: PersonReport) -> None:
    """A person who is known: at the only school their role follows the report; who had ended begins anew."""
    if (account.role in access.OF_A_SCHOOL) != (found.school_id is not None):
        raise NotAllowed("one_role")
    if found.school_id is None and account.role != found.role:
        raise NotAllowed("one_role")
    elsewhere = AccountSchool.select().where(
        AccountSchool.account == account, AccountSchool.school != found.school_id
    )
    if (account.role, account.duty) != (found.role, found.duty) and elsewhere.exists():
        raise NotAllowed("other_role")
    changed = {"role": found.role, "duty": found.duty}
    if account.state == AccountState.ENDED and account.display_name != found.display_name:
        raise NotAllowed("another_person")  # whose records would stand under this one's name
    if account.state == AccountState.ENDED:
        states.check(AccountState.ENDED, AccountState.INVITED)
        changed |= {
            "state": AccountState.INVITED,
            "password_phc": passwords.NOBODY,
        }
    Account.update(**changed).where(Account.id == account.id).execute()


def _decide(actor: Actor, found: PersonReport, after: ReportState, now: datetime) -> None:
    decided = (
        PersonReport.update(state=after, decided_by=actor.account_id, decided_at=now)
        .where(PersonReport.id == found.id, PersonReport.state.in_(states.sources(after)))
        .execute()
    )
    if decided != 1:
        raise WrongState("the report is decided already")
