"""Before sending: how many, mostly where, done at about what time; and what is learnt from the last time."""

from datetime import timedelta

import pytest
import time_machine

from appliance import audience, clock, delivery
from appliance.address import Carrier
from appliance.audience import Audience
from appliance.delivery import Kind, Outcome, pace
from appliance.forecast import Forecast, forecast
from appliance.models import Broadcast, Pace
from tests.flows.test_fairness import enrol, send
from tests.flows.ward import Ward, result, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250, "2.0.0")


def said(ward: Ward, *, urgent: bool = True) -> Forecast:
    """What the check page says at this moment."""
    shown = audience.echo(ward.school.id, Audience(None), urgent=urgent)
    found = forecast(ward.config, shown, urgent=urgent, now=clock.now())
    assert found is not None
    return found


def seconds(found: Forecast) -> float:
    return (found.done_at - clock.now()).total_seconds()


def finish(morning: time_machine.Traveller, sent: Broadcast, *, per_s: float, site: str = "docomo") -> None:
    """A worker has everything accepted at this pace."""
    while claimed := take("w1", site, 50):
        results = []
        for row in claimed:
            morning.shift(1 / per_s)
            results.append(result(row, ACCEPTED))
        delivery.settle(results)
    assert delivery.finish_broadcasts(clock.now()) == 1
    assert Broadcast.get_by_id(sent.id).state == "finished"


def test_it_says_how_many_mostly_where_and_when(morning: time_machine.Traveller, ward: Ward) -> None:
    """By the table alone: 4 connections of docomo at a tenth of a second and its share of a connection."""
    enrol(ward.classes[0], 410, "docomo")
    enrol(ward.classes[1], 300, "au")
    enrol(ward.classes[2], 290, "google")
    found = said(ward)
    assert (found.addresses, found.largest, found.largest_percent) == (1000, Carrier.DOCOMO, 41)
    assert seconds(found) == pytest.approx(410 / (4 / 0.106) + 1, rel=0.01)


def test_nobody_to_send_to_is_no_forecast(ward: Ward) -> None:
    nobody = audience.echo(ward.school.id, Audience(None))
    assert forecast(ward.config, nobody, urgent=True, now=clock.now()) is None


def test_routine_mail_leaves_connections_free_and_takes_longer(ward: Ward) -> None:
    enrol(ward.classes[0], 400)
    urgent, routine = said(ward), said(ward, urgent=False)
    assert routine.done_at - urgent.done_at > timedelta(seconds=2)


def test_a_carrier_that_was_slow_last_time_is_expected_to_be_slow(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    """The table says 38 a second, docomo took 5: after one broadcast the error is under a tenth."""
    enrol(ward.classes[0], 1000)
    before = seconds(said(ward))
    finish(morning, send(ward, ward.school), per_s=5)
    after = seconds(said(ward))
    assert before < 40
    assert after == pytest.approx(1000 / 5, rel=0.1)


def test_what_waits_there_already_is_counted(morning: time_machine.Traveller, ward: Ward) -> None:
    """A blast to another school: turns alternate, so it costs as much again and no more."""
    enrol(ward.classes[0], 100)
    alone = seconds(said(ward)) - 1
    enrol(ward.other_classes[0], 600)
    send(ward, ward.other)
    assert seconds(said(ward)) - 1 == pytest.approx(2 * alone, rel=0.05)
    assert seconds(said(ward, urgent=False)) - 1 > 6 * alone, "urgent mail goes before routine"


def test_one_row_per_carrier_is_learnt_and_only_from_the_first_attempts(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    enrol(ward.classes[0], 40, "docomo")
    enrol(ward.classes[0], 5, "au")
    sent = send(ward, ward.school)
    late, *_ = take("w1", "docomo", 1)
    delivery.settle([result(late, Outcome(Kind.DEFERRED, 450, "4.7.1"))])
    delivery.settle([result(row, ACCEPTED) for row in take("w1", "au")])
    for row in take("w1", "docomo", 39):
        morning.shift(1)
        delivery.settle([result(row, ACCEPTED)])
    morning.shift(600)
    finish(morning, sent, per_s=1)
    (learnt,) = Pace.select()
    assert (learnt.carrier, learnt.letters, learnt.span_ms) == ("docomo", 39, 38_000)
    assert pace.observed(urgent=True, now=clock.now()).keys() == {Carrier.DOCOMO}
    assert pace.observed(urgent=False, now=clock.now()) == {}


def test_a_long_time_ago_is_forgotten(morning: time_machine.Traveller, ward: Ward) -> None:
    enrol(ward.classes[0], 100)
    finish(morning, send(ward, ward.school), per_s=2)
    morning.shift(91 * 24 * 3600)
    assert pace.observed(urgent=True, now=clock.now()) == {}
