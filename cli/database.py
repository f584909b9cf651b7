"""`karamail db`: the schema."""

import click

from appliance import db as database
from cli.context import Context, pass_context


@click.group()
def db() -> None:
    """The database."""


@db.command()
@pass_context
def migrate(context: Context) -> None:
    """Apply the migrations that are missing. Running it again does nothing."""
    context.connect(checked=False)
    applied = database.migrate()
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
