"""`karamail account`: staff accounts, until the ward's own pages give them out."""

import click

from appliance import account as accounts
from appliance import clock
from appliance.actor import Role
from appliance.errors import TextInvalid
from cli.context import Context, pass_context

_WORDS = {
    ("password", "too_short"): "the password is too short (see account.password_min_length)",
    ("password", "too_long"): "the password is longer than 200 characters",
    ("password", "guessable"): "the password is easy to guess; use several unrelated words",
    ("login_id", "taken"): "that login id exists already",
    ("login_id", "empty"): "the login id is empty",
}


@click.group()
def account() -> None:
    """Accounts of staff."""


@account.command()
@click.argument("login_id")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--name", "display_name", required=True, help="The person's name as pages greet it.")
@click.option("--school", "school_ids", type=int, multiple=True, help="School id; may be repeated.")
@click.option(
    "--password-file",
    type=click.File("r"),
    help="Take the password from the first line of this file ('-': standard input) instead of asking.",
)
@pass_context
def add(
    context: Context,
    login_id: str,
    role: str,
    display_name: str,
    school_ids: tuple[int, ...],
    password_file: click.utils.LazyFile | None,
) -> None:
    """Add an account. The password is never an argument: those are visible to other users."""
    config = context.connect()
    if password_file is not None:
        password = password_file.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        made = accounts.add(
            config,
            login_id=login_id,
            role=Role(role),
            display_name=display_name,
            school_ids=school_ids,
            password=password,
            now=clock.now(),
        )
    except TextInvalid as error:
        raise click.ClickException(_WORDS.get((error.field, error.reason), str(error))) from None
    click.echo(f"account {made.id} added: {made.login_id} ({role})")
