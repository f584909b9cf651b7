"""`karamail keys`: the secrets of the zones."""

import click

from appliance import audit, db, keystore
from appliance import exchange as exchanging
from appliance.keys import create_secrets, record
from appliance.record import trust
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
    trust.drop_retired_witness(config)
    made = [*create_secrets(config.secrets_dir), *record.create(config.secrets_dir)]
    with db.transaction():
        keystore.publish_zone_keys(config.secrets_dir)
        if made:
            audit.record_operation(audit.Act.SECRETS_CREATED, "secrets", None, keys=len(made))
    click.echo("\n".join(f"created {path}" for path in made) or "nothing to create")


@keys.command()
@click.option(
    "--stopped", is_flag=True, required=True, expose_value=False,
    help="Every zone and keeper has been stopped, on every node.",
)  # fmt: skip
@pass_context
def exchange(context: Context) -> None:
    """Put new secrets in place of all, and seal all names and addresses anew.

    For the day on which a machine was stolen, and once a year. Everything has to stand still: the playbook
    exchange.yml stops it, runs this, and brings the new secrets to all nodes. Links that wait for a guardian
    end, and all staff log in again. The ward gets the operation record's new keys: `karamail audit keys`.
    The DKIM keys stay: `karamail dkim new`.
    """
    config = context.connect()
    done = exchanging.exchange(config)
    if done is None:
        click.echo("the database had been sealed to the new secrets already: they are in place now")
        return
    click.echo(f"sealed {done.values} names and addresses anew, ended {done.sessions} sessions")
    if done.one_time_codes:
        click.echo(
            f"{done.one_time_codes} secrets of one-time codes could be read by who had the old keys: "
            "ask their people to set new ones"
        )
