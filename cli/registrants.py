"""`karamail registrants`: what the admin zone does by the clock, without anybody logged in."""

import click

from appliance import clock
from appliance.config import Zone
from appliance.directory import children
from appliance.keystore import open_keyring
from appliance.models import Child
from cli.context import Context, pass_context


@click.group()
def registrants() -> None:
    """Registered guardians."""


@registrants.command()
@pass_context
def recognise(context: Context) -> None:
    """Recognise the names that came by mail, and tell families about new addresses.

    Needs the secrets of the admin zone. For a timer, every few minutes; the administration site does the same
    whenever staff look. Prints no name.
    """
    keyring = open_keyring(context.connect(Zone.ADMIN), Zone.ADMIN)
    waiting = Child.select(Child.school).where(Child.unrecognised).distinct().tuples()
    counts = [children.recognise(keyring, school_id, clock.now()) for (school_id,) in list(waiting)]
    click.echo(f"recognised {sum(counts)}")
