"""How a carrier treats us, counted from the rows of the last hours."""

from dataclasses import replace

import pytest
import time_machine

from appliance import broadcast, clock, db, delivery, health
from appliance.address import Carrier
from appliance.delivery import Kind, Outcome, Reason
from appliance.models import Broadcast
from tests.flows.test_fairness import enrol, send
from tests.flows.ward import Ward, result, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250, "2.0.0")
LATER = Outcome(Kind.DEFERRED, 421, "4.7.0", Reason.TOO_FAST, throttled=True)
REFUSED = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_OR_FILTERED)
HOUR = 3600


def told() -> dict[Carrier, health.CarrierHealth]:
    return {row.carrier: row for row in health.by_carrier(clock.now())}


def test_a_quiet_ward_has_nothing_to_tell(ward: Ward) -> None:
    assert health.by_carrier(clock.now()) == []


def test_it_counts_what_was_taken_refused_put_off_and_waits(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    enrol(ward.classes[0], 10, "docomo")
    enrol(ward.classes[0], 2, "other-0123456789ab")
    enrol(ward.classes[0], 3, "other-ba9876543210")
    send(ward, ward.school)
    for seconds in (1, 2, 6):
        morning.shift(seconds)
        delivery.settle([result(row, ACCEPTED) for row in take("w1", "docomo", 2)])
    delivery.settle([result(row, REFUSED) for row in take("w1", "docomo", 1)])
    delivery.settle([result(row, LATER) for row in take("w1", "docomo", 2)])
    delivery.settle([result(row, ACCEPTED) for row in take("w1", "other-0123456789ab")])
    docomo, other = told()[Carrier.DOCOMO], told()[Carrier.OTHER]
    assert (docomo.accepted, docomo.refused, docomo.deferrals, docomo.waiting) == (6, 1, 2, 3)
    assert docomo.accept_rate == pytest.approx(6 / 7)
    assert docomo.median_s == pytest.approx(3)
    assert (other.accepted, other.refused, other.waiting, other.accept_rate) == (2, 0, 3, 1.0)
    assert list(told()) == [Carrier.DOCOMO, Carrier.OTHER]


def test_seconds_in_which_a_mail_may_not_go_are_not_the_carriers(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    """The principal could take it back for half a minute; the carrier took it after two seconds."""
    patient = ward.config.broadcast.model_copy(update={"take_back_s": 30})
    slow = replace(ward, config=ward.config.model_copy(update={"broadcast": patient}))
    enrol(ward.classes[0], 1, "docomo")
    send(slow, ward.school)
    morning.shift(30 + 2)
    delivery.settle([result(row, ACCEPTED) for row in take("w1", "docomo")])
    assert told()[Carrier.DOCOMO].median_s == pytest.approx(2)


def test_what_is_put_off_counts_from_its_first_chance(morning: time_machine.Traveller, ward: Ward) -> None:
    enrol(ward.classes[0], 1, "docomo")
    send(ward, ward.school)
    began = clock.now()
    delivery.settle([result(row, LATER) for row in take("w1", "docomo")])
    morning.shift(HOUR)
    delivery.settle([result(row, ACCEPTED) for row in take("w1", "docomo")])
    waited = (clock.now() - began).total_seconds()
    assert told()[Carrier.DOCOMO].median_s == pytest.approx(waited)


def test_what_is_sent_late_counts_from_the_act_that_sent_it(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    enrol(ward.classes[0], 1, "docomo")
    send(ward, ward.school)
    morning.shift(12 * HOUR)
    delivery.expire(clock.now())
    delivery.finish_broadcasts(clock.now())
    sent_late(ward)
    morning.shift(4)
    delivery.settle([result(row, ACCEPTED) for row in take("w1", "docomo")])
    assert told()[Carrier.DOCOMO].median_s == pytest.approx(4)


def sent_late(ward: Ward) -> None:
    """A person sends on what the outage left over."""
    found = Broadcast.get()
    assert broadcast.send_late(ward.config, ward.actor(), found, shown_addresses=1, now=clock.now()) == 1


def test_yesterday_is_over(morning: time_machine.Traveller, ward: Ward) -> None:
    enrol(ward.classes[0], 4, "au")
    send(ward, ward.school)
    delivery.settle([result(row, LATER) for row in take("w1", "au", 1)])
    delivery.settle([result(row, ACCEPTED) for row in take("w1", "au", 4)])
    morning.shift(23 * HOUR)
    assert (told()[Carrier.AU].accepted, told()[Carrier.AU].deferrals) == (3, 1)
    morning.shift(2 * HOUR)
    assert (told()[Carrier.AU].accepted, told()[Carrier.AU].deferrals) == (0, 0)


def test_it_reads_by_time_and_not_the_whole_table(ward: Ward) -> None:
    """Years of deliveries lie in the table; the page asks for a day."""
    enrol(ward.classes[0], 3000, "au")
    send(ward, ward.school)
    while claimed := take("w1", "au", 500):
        delivery.settle([result(row, ACCEPTED) for row in claimed])
    db.statement("UPDATE delivery SET settled_at = id WHERE id > 30")  # long ago
    if db.engine() == "postgresql":
        db.statement("ANALYZE delivery")
    word = "EXPLAIN QUERY PLAN" if db.engine() == "sqlite" else "EXPLAIN"
    since = 10**15
    for sql in (health._ENDED, health._MEDIAN):
        plan = "\n".join(str(row) for row in db.statement(f"{word} {sql}", since).fetchall())
        assert "delivery_settled" in plan, plan
