"""`karamail status`: what the queue holds and what is on its way."""

import json

import click
from peewee import fn

from appliance import clock, delivery
from appliance.models import Broadcast, Delivery, Registration, School
from appliance.states import BroadcastState, DeliveryState, RegistrationState
from cli.context import Context, pass_context


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_context
def status(context: Context, as_json: bool) -> None:
    """Schools, registrations, the queue by state, and broadcasts being sent. Opens no personal data."""
    context.connect()
    waiting = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
    oldest = (
        Delivery.select(fn.MIN(Delivery.created_at)).where(Delivery.state.in_(waiting)).scalar(as_tuple=False)
    )
    queue = dict(Delivery.select(Delivery.state, fn.COUNT(Delivery.id)).group_by(Delivery.state).tuples())
    sending = Broadcast.select().where(Broadcast.state == BroadcastState.SENDING)
    report = {
        "schools": School.select().count(),
        "registrations": Registration.select()
        .where(Registration.state == RegistrationState.CONFIRMED)
        .count(),
        "queue": {state.value: queue.get(state.value, 0) for state in DeliveryState},
        "oldest_waiting_s": None if oldest is None else int((clock.now() - oldest).total_seconds()),
        "broadcasts_sending": [
            {
                "id": row.id,
                "by_state": {k.value: n for k, n in delivery.progress(row.id).by_state.items() if n},
            }
            for row in sending
        ],
    }
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"schools        {report['schools']}")
    click.echo(f"registrations  {report['registrations']}")
    for state, count in report["queue"].items():
        click.echo(f"{state:<14} {count}")
    if report["oldest_waiting_s"] is not None:
        click.echo(f"oldest waiting {report['oldest_waiting_s']} s")
    for row in report["broadcasts_sending"]:
        click.echo(f"broadcast {row['id']} sending: {row['by_state']}")
