"""How a carrier treats us, counted from the rows of the last hours."""

import pytest
import time_machine

from appliance import clock, db, delivery, health
from appliance.address import Carrier
from appliance.delivery import Kind, Outcome, Reason
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
