"""`karamail db`: the schema, and who may do what in it."""

import click

from appliance import audit, grants
from appliance import db as database
from appliance.config import Config, Zone
from appliance.errors import OperatorError
from cli.context import Context, pass_context


@click.group()
def db() -> None:
    """The database."""


@db.command()
@pass_context
def migrate(context: Context) -> None:
    """Apply the migrations that are missing, and the grants. Running it again does nothing.

    On PostgreSQL, the zones' roles are made by `karamail db grant`; once they are there, this gives them
    their rights on what is new.
    """
    config = context.connect(checked=False)
    applied = database.migrate()
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    if _has_roles(config) and grants.roles_exist(config):
        grants.apply(config)
        click.echo("the zones' roles have their rights")
    elif _has_roles(config):
        click.echo("roles are missing: run `karamail keys create`, then `karamail db grant`")


@db.command()
@pass_context
def grant(context: Context) -> None:
    """Make a PostgreSQL role for each zone and keeper of the record, and give it its rights.

    Its password is in its secrets. Everything else is taken from these roles. Needs a role that may create
    roles, and all secrets: run it where the node is built. Running it again sets right what was changed by
    hand.
    """
    config = context.connect()
    if not _has_roles(config):
        raise OperatorError(
            "zones have no roles of their own here: SQLite, or database.zone_role_prefix is empty"
        )
    made = grants.create_roles(config)
    grants.apply(config)
    audit.record_operation(audit.Act.RIGHTS_GIVEN, "database", None, roles=len(made))
    click.echo("\n".join(f"created {name}" for name in made) or "no role was missing")
    click.echo("the zones' roles have their rights, and no others")


def _has_roles(config: Config) -> bool:
    return grants.role_name(config, Zone.MAIL) != ""
