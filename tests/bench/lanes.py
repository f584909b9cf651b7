"""Two figures of the queue: how soon urgent mail overtakes, and how wrong the forecast was.

*Urgent overtakes*: one school's routine mail to tens of thousands is running through real workers when
another school sends an urgent one. Measured from the call of `broadcast.send` to the last urgent 250, at the
moment at which the worker had it; told with it is how much of the routine mail was still open then.

*Forecast*: two broadcasts to receivers that think for a while over each letter, at the limits of the table.
Before each the forecast is asked; its error is that of the time it named, as a part of the time it took. The
first knows the table only, the second has seen the first.
"""

from collections.abc import Sequence
from pathlib import Path

from peewee import fn

from appliance import audience, broadcast, clock, delivery
from appliance.actor import Actor
from appliance.audience import Audience
from appliance.forecast import forecast
from appliance.models import Broadcast, Delivery, School
from appliance.states import DELIVERY_OPEN, BroadcastState, DeliveryState
from tests.bench.figures import Overtaking
from tests.bench.karamail_blast import installation_for, started, zone
from tests.bench.message import SUBJECT, TEXT, recipient
from tests.bench.sinks import Sink
from tests.support.installation import Installation, nameserver
from tests.support.receiver import Receiver
from tests.support.waiting import free_port, until

_THINKS_S = 0.15
_SITES = 2


def _draft(actor: Actor, school: School, name: str, *, urgent: bool) -> Broadcast:
    return broadcast.draft(
        actor, school, urgent=urgent, category="disaster", once_key=name, now=clock.now(),
        subject=SUBJECT, body=TEXT, audience=Audience(None),
    )  # fmt: skip


def _still_open(sent: Broadcast) -> int:
    return Delivery.select().where(Delivery.broadcast == sent.id, Delivery.state.in_(DELIVERY_OPEN)).count()


def overtaking(urgent: int, routine: int, workers: int, sinks: Sequence[Sink], folder: Path) -> Overtaking:
    """Raises TimeoutError when it takes more than a minute."""
    dns_port = free_port()
    installation = installation_for(
        f"sqlite:///{folder}/karamail.db", workers, mail_port=free_port(), dns_port=dns_port,
        smtp_port=sinks[0].port,
    )  # fmt: skip
    try:
        schools = [installation.school(count, recipient) for count in (routine, urgent)]
        actors = [installation.principal(school) for school in schools]
        slow = _draft(actors[0], schools[0], "routine", urgent=False)
        quick = _draft(actors[1], schools[1], "urgent", urgent=True)
        with nameserver(dns_port, zone(sinks)):
            started(installation, workers)
            broadcast.send(installation.config, actors[0], slow, shown_addresses=routine, now=clock.now())
            until(lambda: _still_open(slow) < routine * 0.95, within_s=60, why="the routine mail runs")
            begun_at = clock.now()
            broadcast.send(installation.config, actors[1], quick, shown_addresses=urgent, now=clock.now())
            until(lambda: not _still_open(quick), within_s=60, why="the urgent mail")
            left = _still_open(slow)
            last = Delivery.select(fn.MAX(Delivery.settled_at)).where(Delivery.broadcast == quick.id)
            seconds = (last.scalar() - begun_at).total_seconds()
        accepted = delivery.progress(quick.id).by_state[DeliveryState.ACCEPTED]
        if accepted != urgent:
            raise RuntimeError(f"{accepted} of {urgent} urgent accepted")
    finally:
        installation.close()
    return Overtaking(urgent, routine, round(seconds, 3), left)


def forecast_errors(recipients: int, folder: Path) -> list[float]:
    """The error of the first and of the second forecast: 0.1 is a tenth too long, -0.1 a tenth too short."""
    smtp_port, dns_port = free_port(), free_port()
    names = [(f"keitai{number}.example", f"127.0.0.{20 + number}") for number in range(_SITES)]
    installation = Installation(
        folder / "installation", f"sqlite:///{folder}/karamail.db", mail_port=free_port(), dns_port=dns_port,
        smtp_port=smtp_port,
    )  # fmt: skip
    receivers = [Receiver(host, smtp_port, folder / "receivers", delay_s=_THINKS_S) for _, host in names]
    try:
        for receiver in receivers:
            receiver.start()
        school = installation.school(recipients, lambda n: f"hogosha{n}@{names[n % _SITES][0]}")
        actor = installation.principal(school)
        records = zone([Sink(domain, host, smtp_port) for domain, host in names])
        with nameserver(dns_port, records):
            started(installation, 1)
            return [_forecast_error(installation, actor, school, name) for name in ("first", "second")]
    finally:
        installation.close()
        for receiver in receivers:
            receiver.__exit__(None, None, None)


def _forecast_error(installation: Installation, actor: Actor, school: School, name: str) -> float:
    shown = audience.echo(school.id, Audience(None))
    written = _draft(actor, school, name, urgent=True)
    began_at = clock.now()
    said = forecast(installation.config, shown, urgent=True, now=began_at)
    assert said is not None
    broadcast.send(installation.config, actor, written, shown_addresses=shown.addresses, now=began_at)
    until(lambda: not _still_open(written), within_s=300, why=f"the {name} broadcast")
    took_s = (clock.now() - began_at).total_seconds()
    until(lambda: Broadcast.get_by_id(written.id).state == BroadcastState.FINISHED, why="it is on record")
    return round((said.done_at - began_at).total_seconds() / took_s - 1, 3)
