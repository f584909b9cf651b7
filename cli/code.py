"""`karamail code`: security codes under attack.

Owns pausing and resuming by hand what `appliance.registration.budgets` does by itself; the operation record
knows. Refuses to issue or to retire codes: the principal does that on the administration site. Fails on what
cannot be a code.
"""

from datetime import timedelta

import click

from appliance import audit, clock, db, registration
from appliance.audit import Act
from appliance.models import SecurityCode
from appliance.registration import budgets
from cli.context import Context, pass_context


def _code(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not registration.is_code_shaped(value):
        raise click.BadParameter("not a security code: eight characters as on the handout")
    return value.lower()


@click.group()
def code() -> None:
    """Security codes (学校ID) under attack."""


@code.command()
@click.argument("value", metavar="CODE", callback=_code)
@click.option(
    "--minutes", default=60, show_default=True, type=click.IntRange(1, 7 * 24 * 60), help="How long."
)
@pass_context
def pause(context: Context, value: str, minutes: int) -> None:
    """Let empty mails to CODE wait (451); their senders try again by themselves."""
    context.connect()
    until = clock.now() + timedelta(minutes=minutes)
    with db.transaction():
        budgets.pause(value, clock.now(), until, by_operator=True)
        _record(Act.CODE_PAUSED, value, minutes=minutes)
    click.echo(f"paused until {until:%Y-%m-%d %H:%M} UTC")


@code.command()
@click.argument("value", metavar="CODE", callback=_code)
@pass_context
def resume(context: Context, value: str) -> None:
    """Answer empty mails to CODE again."""
    context.connect()
    with db.transaction():
        was_paused = budgets.resume(value)
        if was_paused:
            _record(Act.CODE_RESUMED, value)
    click.echo("resumed" if was_paused else "it was not paused")


def _record(act: Act, value: str, **detail: int) -> None:
    """By the code's number and its school, where there is one: an attack may be on a code that never was."""
    found = SecurityCode.get_or_none(SecurityCode.code == value)
    number, school = (found.id, found.school_id) if found else (None, None)
    audit.record_operation(act, "security_code", number, school_id=school, **detail)
