"""`karamail status`: what the queue holds and what is on its way."""

import json
from datetime import timedelta
from typing import Any

import click
from peewee import fn

from appliance import clock, delivery, health
from appliance.models import (
    Alarm,
    Broadcast,
    CodePause,
    Delivery,
    Registration,
    School,
    SecurityCode,
)
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
    report: dict[str, Any] = {
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
        "carriers": [
            {
                "carrier": row.carrier.value,
                "accepted": row.accepted,
                "refused": row.refused,
                "accept_rate": row.accept_rate,
                "median_s": row.median_s,
                "deferrals": row.deferrals,
                "waiting": row.waiting,
            }
            for row in health.by_carrier(clock.now())
        ],
    }
    report["codes_paused"], report["alarms"] = _paused(), _alarms()
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"schools        {report['schools']}")
    click.echo(f"registrations  {report['registrations']}")
    for state, count in report["queue"].items():
        click.echo(f"{state:<14} {count}")
    if report["oldest_waiting_s"] is not None:
        click.echo(f"oldest waiting {report['oldest_waiting_s']} s")
    for row in report["codes_paused"]:
        click.echo(f"code {row['code']} paused until {row['until']}: {row['school'] or 'no school has it'}")
    for row in report["alarms"]:
        click.echo(f"alarm          budget of {row['kind']}: {row['refused']} mails wait, last {row['last']}")
    for row in report["broadcasts_sending"]:
        click.echo(f"broadcast {row['id']} sending: {row['by_state']}")
    for row in report["carriers"]:
        median = "-" if row["median_s"] is None else f"{row['median_s']:.1f} s"
        click.echo(
            f"{row['carrier']:<14} {row['accepted']} accepted (median {median}), {row['refused']} refused, "
            f"{row['deferrals']} deferrals in {health.HOURS} h, {row['waiting']} waiting"
        )


def _paused() -> list[dict[str, object]]:
    """Codes to which mails wait now, with the school that has it, if any has."""
    rows = (
        CodePause.select(CodePause.code, CodePause.until_at, CodePause.by_operator, School.name)
        .left_outer_join(SecurityCode, on=SecurityCode.code == CodePause.code)
        .left_outer_join(School, on=SecurityCode.school == School.id)
        .where(CodePause.until_at > clock.now())
        .order_by(CodePause.code)
        .tuples()
    )
    return [
        {"code": code, "until": until.isoformat(timespec="minutes"), "by_operator": bool(by), "school": name}
        for code, until, by, name in rows
    ]


def _alarms() -> list[dict[str, object]]:
    """What was refused in the last day because a budget was spent, by kind."""
    rows = (
        Alarm.select(Alarm.kind, fn.SUM(Alarm.refused), fn.MAX(Alarm.at))
        .where(Alarm.at > clock.now() - timedelta(days=1))
        .group_by(Alarm.kind)
        .order_by(Alarm.kind)
        .tuples()
    )
    return [
        {"kind": kind, "refused": int(refused), "last": last.isoformat(timespec="minutes")}
        for kind, refused, last in rows
    ]
