"""`karamail account`: staff accounts from a node's console, before the ward has any and when nobody else can.

Owns the commands and what they print. Whoever has a shell on a node acts here with the ward's rights; the
operation record says so (the vendor, on a server). Refuses passwords and names as arguments: other users
see those, and sudo and auditd write them into every member's journal; names are asked for. Fails with one
line per refusal, exit code 1.
"""

import json
from collections.abc import Callable
from typing import Any

import click

from appliance import account as accounts
from appliance import audit, clock, db
from appliance.account import handover, invitation
from appliance.actor import CONSOLE, Duty, Role
from appliance.config import Config
from appliance.errors import NotAllowed, NotYours, TextInvalid, WrongState
from appliance.models import Account, School
from cli.context import Context, pass_context

_WORDS = {
    ("password", "too_short"): "the password is too short (see account.password_min_length)",
    ("password", "too_long"): "the password is longer than 200 characters",
    ("password", "guessable"): "the password is easy to guess; use several unrelated words",
    ("login_id", "taken"): "that login id exists already",
    ("login_id", "empty"): "the login id is empty",
    ("login_id", "too_long"): "the login id is longer than 40 characters",
    ("login_id", "characters"): "a login id has letters, digits, '-', '.' and '_' only",
}
_Command = Callable[..., Any]
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


def _person(command: _Command) -> _Command:
    """The options that describe somebody new."""
    for option in (
        click.option("--role", type=click.Choice([role.value for role in Role])),
        click.option("--duty", type=click.Choice([duty.value for duty in Duty]), help="By role when absent."),
        click.option("--school", "school_ids", type=int, multiple=True, help="School id; may be repeated."),
    ):
        command = option(command)
    return command


@click.group()
def account() -> None:
    """Accounts of staff."""


@account.command()
@click.argument("login_id")
@_person
@click.option(
    "--password-file",
    type=click.File("r"),
    help="Take the password from the first line of this file ('-': standard input) instead of asking.",
)
@_json
@pass_context
def add(context: Context, login_id: str, password_file: Any, as_json: bool, **described: Any) -> None:
    """Add an account with a password. `invite` lets the person choose it."""
    config = context.connect()
    display_name = _asked_name(described)
    if password_file is not None:
        password = password_file.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    made = _add(config, login_id, password, display_name, **described)
    _say(as_json, f"account {made.id} added: {made.login_id} ({made.role})", _facts(made))


@account.command()
@click.argument("login_id")
@_person
@_json
@pass_context
def invite(context: Context, login_id: str, as_json: bool, **described: Any) -> None:
    """Print a link with which the person sets the password, once; opens the account if it is not there.

    Hand the link over in person. Whoever has it can use it: do not keep it.
    """
    config = context.connect()
    person = Account.get_or_none(Account.login_id == login_id.strip().lower())
    if person is None:
        person = _add(config, login_id, None, _asked_name(described), **described)
    text, expires_at = _refusing(lambda: invitation.issue(config, CONSOLE, person, clock.now()))
    link = f"{config.admin.origin.rstrip('/')}/invitation/{text}"
    facts = _facts(person) | {"link": link, "expires_at": expires_at.isoformat()}
    _say(as_json, f"{link}\nonce, until {expires_at:%Y-%m-%d %H:%M} UTC", facts)


@account.command()
@click.argument("login_id")
@_json
@pass_context
def suspend(context: Context, login_id: str, as_json: bool) -> None:
    """Stop somebody at once: every session on both sites and every invitation ends."""
    context.connect()
    person = _found(login_id)
    ended = _refusing(lambda: handover.suspend(CONSOLE, person, clock.now()))
    facts = _facts(_found(login_id)) | {"sessions_ended": ended}
    _say(as_json, f"{person.login_id} suspended, {ended} sessions ended", facts)


@account.command()
@click.argument("login_id", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody at once, after an attack.")
@_json
@pass_context
def logout(context: Context, login_id: str | None, everybody: bool, as_json: bool) -> None:
    """End every session of somebody on both sites. Passwords stay: who knows one logs in again."""
    if (login_id is None) != everybody:
        raise click.UsageError("give one LOGIN_ID, or --all")
    context.connect()
    people = list(Account.select()) if login_id is None else [_found(login_id)]
    with db.transaction():
        ended = sum(handover.log_out(CONSOLE, person, clock.now()) for person in people)
    who = "everybody" if login_id is None else people[0].login_id
    _say(
        as_json, f"{who} logged out, {ended} sessions ended", {"people": len(people), "sessions_ended": ended}
    )


@account.command()
@click.argument("login_id")
@_json
@pass_context
def resume(context: Context, login_id: str, as_json: bool) -> None:
    """Let a suspended person in again."""
    context.connect()
    person = _found(login_id)
    _refusing(lambda: handover.resume(CONSOLE, person))
    _say(as_json, f"{person.login_id} may log in again", _facts(_found(login_id)))


@account.command()
@click.argument("login_ids", nargs=-1, required=True)
@click.option("--from", "from_id", type=int, required=True, help="School id.")
@click.option("--to", "to_id", type=int, required=True, help="School id.")
@_json
@pass_context
def move(context: Context, login_ids: tuple[str, ...], from_id: int, to_id: int, as_json: bool) -> None:
    """Move people from one school to another: all of them or, if one is not there, nobody."""
    context.connect()
    for school_id in (from_id, to_id):
        if not School.select().where(School.id == school_id).exists():
            raise click.ClickException(f"there is no school {school_id}")
    people = [_found(login_id) for login_id in login_ids]
    _refusing(lambda: handover.move(CONSOLE, people, from_id, to_id, clock.now()))
    facts = {"moved": [person.login_id for person in people], "from": from_id, "to": to_id}
    _say(as_json, f"{len(people)} moved from school {from_id} to school {to_id}", facts)


@account.command()
@click.argument("login_ids", nargs=-1, required=True)
@click.option("--school", "school_id", type=int, required=True, help="School id.")
@_json
@pass_context
def end(context: Context, login_ids: tuple[str, ...], school_id: int, as_json: bool) -> None:
    """End people's work at a school; who has no other school can no longer log in."""
    context.connect()
    people = [_found(login_id) for login_id in login_ids]
    _refusing(lambda: handover.end(CONSOLE, people, school_id, clock.now()))
    facts = {"ended": [person.login_id for person in people], "school": school_id}
    _say(as_json, f"the work of {len(people)} at school {school_id} has ended", facts)


def _asked_name(described: dict[str, Any]) -> str:
    """Of somebody new. Asks on standard error, so that `--json` alone is on standard output."""
    if described["role"] is None:
        raise click.UsageError("a new account needs --role")
    name: str = click.prompt("Position and name, as pages greet the person", err=True)
    return name


def _add(
    config: Config,
    login_id: str,
    password: str | None,
    display_name: str,
    *,
    role: str,
    duty: str | None,
    school_ids: tuple[int, ...],
) -> Account:
    try:
        with db.transaction():
            made = accounts.add(
                config,
                login_id=login_id,
                role=Role(role),
                duty=Duty(duty) if duty else None,
                display_name=display_name,
                school_ids=school_ids,
                password=password,
                now=clock.now(),
            )
            audit.record(CONSOLE, audit.Act.ACCOUNT_ADDED, "account", made.id, role=role)
    except TextInvalid as error:
        raise click.ClickException(_WORDS.get((error.field, error.reason), str(error))) from None
    return made


def _found(login_id: str) -> Account:
    person: Account | None = Account.get_or_none(Account.login_id == login_id.strip().lower())
    if person is None:
        raise click.ClickException("there is no such account")
    return person


def _refusing(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except NotYours:
        raise click.ClickException("one of them does not work at that school; nothing was done") from None
    except (NotAllowed, WrongState) as error:
        raise click.ClickException(f"{error}; nothing was done") from None


def _facts(person: Account) -> dict[str, object]:
    return {"account": person.id, "login_id": person.login_id, "role": person.role, "state": person.state}


def _say(as_json: bool, text: str, facts: dict[str, object]) -> None:
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else text)
