"""`karamail device`: the first school device, while there is none from which others could be approved."""

import click

from appliance import clock
from appliance import device as devices
from appliance.models import School
from cli.context import Context, pass_context


@click.group()
def device() -> None:
    """Devices of staff."""


@device.command()
@click.option("--name", required=True, help="What the ward's register calls it.")
@click.option("--school", "school_id", type=int, help="School id; the ward office's own device without it.")
@pass_context
def first(context: Context, name: str, school_id: int | None) -> None:
    """Print a code with which a school device enrols at <administration site>/enrol, once, within minutes."""
    config = context.connect()
    if school_id is not None and School.get_or_none(School.id == school_id) is None:
        raise click.ClickException(f"there is no school {school_id}")
    if not name.strip() or len(name) > devices.NAME_MAX or not name.isprintable():
        raise click.ClickException(f"--name: expected one line of up to {devices.NAME_MAX} characters")
    code = devices.first(config, name.strip(), school_id, clock.now())
    click.echo(f"{config.admin.origin}/enrol  code {code}  (for {config.devices.code_minutes} minutes)")
