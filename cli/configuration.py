"""`karamail config`: check and describe the configuration."""

import click

from appliance.config import describe as describe_settings
from cli.context import Context, pass_context


@click.group()
def config() -> None:
    """The configuration file."""


@config.command()
@pass_context
def check(context: Context) -> None:
    """Say everything that is wrong with the file, or that it is good."""
    settings = context.config
    click.echo(f"{context.config_path}: good ({settings.ward.name}, {settings.database.url.split(':')[0]})")


@config.command()
def describe() -> None:
    """Print every setting with type, default and meaning (Markdown)."""
    click.echo(describe_settings(), nl=False)
