"""`karamail keys`: the secrets of the zones."""

import click

from appliance import keystore
from appliance.keys import create_secrets, record
from cli.context import Context, pass_context


@click.group()
def keys() -> None:
    """Zone secrets and school keys."""


@keys.command()
@pass_context
def create(context: Context) -> None:
    """Create every secret that is missing and tell the database the public halves.

    Existing files are never touched. Needs the directories of all zones: run it where the node is built,
    before each unit gets only its own.
    """
    config = context.connect()
    made = [*create_secrets(config.secrets_dir), *record.create(config.secrets_dir)]
    keystore.publish_zone_keys(config.secrets_dir)
    click.echo("\n".join(f"created {path}" for path in made) or "nothing to create")
