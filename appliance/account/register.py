"""届出簿: who manages and who handles the ids of each school, and the vendor's people (R15, R19, R33).

Owns the reading: each person with duty, state, who named and who approved them, and the training of this
school year. Names of staff only. Refuses to change anything. Cannot fail; who may read it is asked before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from peewee import JOIN

from appliance.account.term import overdue, school_year
from appliance.actor import Duty, Role
from appliance.config import Config
from appliance.models import Account, AccountSchool, Invitation, PersonReport, School, Training
from appliance.states import AccountState, ReportState


@dataclass(frozen=True, slots=True)
class Person:
    """One line of a register."""

    account_id: int
    login_id: str
    display_name: str
    role: Role
    duty: Duty
    state: AccountState
    reported_by: str  # empty: the account was opened on a node, before there was anybody to name it
    reported_at: datetime | None
    approved_by: str
    approved_at: datetime | None
    trained_at: datetime | None
    invited_until: datetime | None
    password_overdue: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One school in the ward's overview."""

    school: School
    managers: list[str]
    handlers: int
    waiting: int
    untrained: int


def of_school(config: Config, school_id: int, now: datetime) -> list[Person]:
    """Managers first. Nobody whose work has ended."""
    accounts = (
        Account.select()
        .join(AccountSchool)
        .where(AccountSchool.school == school_id, Account.state != AccountState.ENDED)
    )
    return _people(config, list(accounts), school_id, now)


def of_roles(config: Config, roles: Iterable[Role], now: datetime) -> list[Person]:
    """The people of the ward or the vendor."""
    accounts = Account.select().where(Account.role.in_(list(roles)), Account.state != AccountState.ENDED)
    return _people(config, list(accounts), None, now)


def of_ward(config: Config, now: datetime) -> list[Line]:
    """Every school: its managers, how many handlers, what waits, who has not read the rules this year."""
    trained = _trained(config, now)
    managers: dict[int, list[str]] = {}
    handlers: dict[int, int] = {}
    untrained: dict[int, int] = {}
    rows = (
        AccountSchool.select(AccountSchool.school, Account.id, Account.display_name, Account.duty)
        .join(Account)
        .where(Account.state != AccountState.ENDED)
        .order_by(Account.login_id)
        .tuples()
    )
    for school_id, account_id, name, duty in rows:
        if duty == Duty.MANAGER:
            managers.setdefault(school_id, []).append(name)
        else:
            handlers[school_id] = handlers.get(school_id, 0) + 1
        untrained[school_id] = untrained.get(school_id, 0) + (account_id not in trained)
    waiting: dict[int, int] = {}
    for (school_id,) in (
        PersonReport.select(PersonReport.school).where(PersonReport.state == ReportState.REPORTED).tuples()
    ):
        waiting[school_id] = waiting.get(school_id, 0) + 1
    return [
        Line(
            school, managers.get(school.id, []), handlers.get(school.id, 0), waiting.get(school.id, 0),
            untrained.get(school.id, 0),
        )
        for school in School.select().order_by(School.id)
    ]  # fmt: skip


def untrained(config: Config, now: datetime) -> list[tuple[Account, list[School]]]:
    """Who has not read the rules this school year, with their schools; by school, then id."""
    trained = _trained(config, now)
    schools: dict[int, list[School]] = {}
    for row in AccountSchool.select(AccountSchool, School).join(School).order_by(School.id):
        schools.setdefault(row.account_id, []).append(row.school)
    found = [
        (account, schools.get(account.id, []))
        for account in Account.select()
        .where(Account.state.in_((AccountState.ACTIVE, AccountState.INVITED)))
        .order_by(Account.login_id)
        if account.id not in trained
    ]
    return sorted(found, key=lambda pair: pair[1][0].id if pair[1] else 0)


def _trained(config: Config, now: datetime) -> set[int]:
    year = school_year(config, now)
    return {row[0] for row in Training.select(Training.account).where(Training.school_year == year).tuples()}


def _people(config: Config, accounts: list[Account], school_id: int | None, now: datetime) -> list[Person]:
    ids = [account.id for account in accounts]
    year = school_year(config, now)
    trained = {
        row.account_id: row.acknowledged_at
        for row in Training.select().where(Training.school_year == year, Training.account.in_(ids))
    }
    invited = {
        row.account_id: row.expires_at
        for row in Invitation.select().where(
            Invitation.account.in_(ids), Invitation.used_at.is_null(), Invitation.ended_at.is_null(),
            Invitation.expires_at > now,
        )
    }  # fmt: skip
    reports = _reports(ids, school_id)
    people = []
    for account in accounts:
        report = reports.get(account.id)
        people.append(
            Person(
                account_id=account.id,
                login_id=account.login_id,
                display_name=account.display_name,
                role=Role(account.role),
                duty=Duty(account.duty),
                state=AccountState(account.state),
                reported_by=report.reported_by.display_name if report else "",
                reported_at=report.reported_at if report else None,
                approved_by=report.decided_by.display_name if report else "",
                approved_at=report.decided_at if report else None,
                trained_at=trained.get(account.id),
                invited_until=invited.get(account.id),
                password_overdue=account.state == AccountState.ACTIVE
                and overdue(config, account.password_changed_at, now),
            )
        )
    return sorted(people, key=lambda person: (person.duty != Duty.MANAGER, person.role, person.login_id))


def _reports(ids: list[int], school_id: int | None) -> dict[int, PersonReport]:
    """The newest approval of each."""
    author, decider = Account.alias(), Account.alias()
    place = PersonReport.school.is_null() if school_id is None else PersonReport.school == school_id
    rows = (
        PersonReport.select(PersonReport, author, decider)
        .join(author, on=(PersonReport.reported_by == author.id))
        .switch(PersonReport)
        .join(decider, JOIN.LEFT_OUTER, on=(PersonReport.decided_by == decider.id))
        .where(PersonReport.account.in_(ids), PersonReport.state == ReportState.APPROVED, place)
        .order_by(PersonReport.decided_at)
    )
    return {row.account_id: row for row in rows}
