"""取得と結果: workers share one queue, die, come late and come back, and every delivery has one end."""

from datetime import timedelta

import pytest
import time_machine

from appliance import broadcast, clock, delivery
from appliance.delivery import Kind, Outcome, Reason
from appliance.models import Attempt, Broadcast, Delivery
from tests.flows.ward import SITES, Ward, result, states, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250, "2.0.0")
LATER = Outcome(Kind.DEFERRED, 451, "4.3.0", Reason.TROUBLE)
REFUSED = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_USER)
HOUR = 3600


def test_urgent_mail_overtakes_letters_and_letters_overtake_routine(ward: Ward) -> None:
    ward.register("hanako@docomo.ne.jp", "山田 花子", "山田 太郎")
    Delivery.update(state="suppressed").where(Delivery.kind == "reply").execute()
    ward.send(ward.draft(urgent=False))
    ward.send(ward.draft(urgent=True))
    claimed = take("w1", "docomo")
    assert [(row.kind, row.lane) for row in claimed] == [("broadcast", 0), ("welcome", 1), ("broadcast", 2)]


def test_a_worker_told_to_take_only_urgent_mail_leaves_the_rest(ward: Ward) -> None:
    ward.many(10, sites=("docomo",))
    ward.send(ward.draft(urgent=False))
    ward.send(ward.draft(urgent=True))
    claimed = delivery.claim("w1", "docomo", limit=50, lease_s=60, now=clock.now(), lane=0)
    assert {row.lane for row in claimed} == {0}
    assert len(claimed) == 10


def test_what_one_worker_holds_no_other_gets(ward: Ward) -> None:
    ward.broadcast_to(30, sites=("docomo",))
    first, second, third = (take(f"w{n}", "docomo", 15) for n in (1, 2, 3))
    assert not {row.id for row in first} & {row.id for row in second}
    assert (len(first), len(second), third) == (15, 15, [])
    assert {row.attempts for row in first} == {1}


def test_every_site_that_waits_is_named_with_its_most_urgent_lane(ward: Ward) -> None:
    ward.broadcast_to(8, urgent=False)
    assert delivery.sites_waiting(clock.now()) == [(site, 2) for site in sorted(SITES)]
    ward.send(ward.draft(urgent=True))
    assert delivery.sites_waiting(clock.now()) == [(site, 0) for site in sorted(SITES)]
    for site in SITES:
        take("w1", site)
    assert delivery.sites_waiting(clock.now()) == []


def test_a_lease_that_runs_out_goes_to_the_next_and_is_marked_uncertain(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    written = ward.broadcast_to(5, sites=("docomo",))
    take("dead", "docomo", lease_s=60)
    morning.shift(59)
    assert delivery.take_over(clock.now()) == 0
    morning.shift(2)
    assert delivery.take_over(clock.now()) == 5
    assert delivery.progress(written.id).uncertain == 5
    assert len(take("alive", "docomo")) == 5


def test_a_sign_of_life_keeps_the_lease(morning: time_machine.Traveller, ward: Ward) -> None:
    ward.broadcast_to(5, sites=("docomo",))
    take("slow", "docomo", lease_s=60)
    morning.shift(50)
    assert delivery.extend("slow", lease_s=60, now=clock.now()) == 5
    morning.shift(50)
    assert delivery.take_over(clock.now()) == 0


def test_a_late_result_of_a_lost_claim_changes_nothing(morning: time_machine.Traveller, ward: Ward) -> None:
    ward.broadcast_to(1, sites=("docomo",))
    (lost,) = take("slow", "docomo", lease_s=60)
    morning.shift(61)
    delivery.take_over(clock.now())
    (held,) = take("quick", "docomo")
    assert delivery.settle([result(lost, REFUSED)]).lost == 1
    row = Delivery.get_by_id(held.id)
    assert (row.state, row.claimed_by, Attempt.select().count()) == ("sending", "quick", 0)
    assert delivery.settle([result(held, ACCEPTED)]).accepted == 1


def test_a_late_result_does_not_slip_in_beside_a_good_one(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    """The same worker lost one delivery, took it again, and tells both stories in one group."""
    ward.broadcast_to(2, sites=("docomo",))
    (lost,) = take("w1", "docomo", 1, lease_s=60)
    morning.shift(61)
    delivery.take_over(clock.now())
    held = take("w1", "docomo", 2)
    other = next(row for row in held if row.id != lost.id)
    settled = delivery.settle([result(lost, ACCEPTED), result(other, ACCEPTED)])
    assert (settled.accepted, settled.lost) == (1, 1)
    assert Delivery.get_by_id(lost.id).state == "sending"


def test_giving_back_does_not_touch_what_was_taken_again(morning: time_machine.Traveller, ward: Ward) -> None:
    ward.broadcast_to(2, sites=("docomo",))
    (lost,) = take("w1", "docomo", 1, lease_s=60)
    morning.shift(61)
    delivery.take_over(clock.now())
    held = take("w1", "docomo", 2)
    other = next(row for row in held if row.id != lost.id)
    pairs = [(lost.id, lost.token), (other.id, other.token)]
    assert delivery.release(pairs, now=clock.now()) == 1
    assert Delivery.get_by_id(lost.id).state == "sending"


def test_settling_twice_is_settling_once(ward: Ward) -> None:
    """A worker killed after the commit and before its journal was cut tells everything again."""
    written = ward.broadcast_to(4, sites=("docomo",))
    outcomes = (ACCEPTED, LATER, REFUSED, ACCEPTED)
    results = [result(row, outcome) for row, outcome in zip(take("w1", "docomo"), outcomes, strict=True)]
    first, second = delivery.settle(results), delivery.settle(results)
    assert (first.accepted, first.deferred, first.failed, first.lost) == (2, 1, 1, 0)
    assert (second.accepted, second.deferred, second.failed, second.lost) == (0, 0, 0, 4)
    assert states(written) == {"accepted": 2, "deferred": 1, "failed": 1}
    assert Attempt.select().count() == 2


def test_what_is_given_back_untried_was_no_attempt(ward: Ward) -> None:
    ward.broadcast_to(3, sites=("docomo",))
    claimed = take("w1", "docomo")
    assert delivery.release([(row.id, row.token) for row in claimed], now=clock.now()) == 3
    assert {row.attempts for row in Delivery.select()} == {0}
    again = take("w1", "docomo")
    delivery.release([(row.id, row.token) for row in again], now=clock.now(), uncertain=True)
    assert {(row.attempts, bool(row.uncertain)) for row in Delivery.select()} == {(1, True)}


def test_a_worker_that_starts_again_gives_back_what_it_held(ward: Ward) -> None:
    ward.broadcast_to(6, sites=("docomo",))
    mine, others = take("w1", "docomo", 4), take("w2", "docomo", 2)
    half_sent = {mine[0].id, others[0].id}
    assert delivery.release_worker("w1", uncertain_ids=half_sent, now=clock.now()) == (3, 1)
    assert [row.id for row in Delivery.select().where(Delivery.uncertain)] == [mine[0].id]
    assert Delivery.select().where(Delivery.claimed_by == "w2").count() == 2


@pytest.mark.parametrize(("urgent", "first_minutes"), [(True, (1, 1.5)), (False, (3, 4.5))])
def test_the_first_retry_comes_within_minutes(
    morning: time_machine.Traveller, ward: Ward, urgent: bool, first_minutes: tuple[float, float]
) -> None:
    ward.broadcast_to(40, urgent=urgent, sites=("docomo",))
    now = clock.now()
    delivery.settle([result(row, LATER) for row in take("w1", "docomo")])
    waits = {row.next_at - now for row in Delivery.select()}
    assert min(waits) >= timedelta(minutes=first_minutes[0])
    assert max(waits) < timedelta(minutes=first_minutes[1])
    assert len(waits) > 3, "they would all come back at one moment"
    assert take("w1", "docomo") == []
    morning.shift(first_minutes[1] * 60)
    assert len(take("w1", "docomo")) == 40


def test_a_receiver_that_asks_for_less_is_left_alone_for_two_minutes(ward: Ward) -> None:
    ward.broadcast_to(5, sites=("au",))
    throttled = Outcome(Kind.DEFERRED, 0, "", Reason.RESET, throttled=True)
    now = clock.now()
    delivery.settle([result(row, throttled, at=now) for row in take("w1", "au")])
    assert min(row.next_at for row in Delivery.select()) >= now + timedelta(minutes=2)


def test_retries_grow_and_stay_bounded(morning: time_machine.Traveller) -> None:
    now = clock.now()
    waits = [delivery.retry.next_at(0, attempts, throttled=False, now=now) - now for attempts in range(1, 30)]
    assert waits[0] < timedelta(minutes=2)
    assert max(waits) <= timedelta(minutes=23)


def test_what_is_no_longer_useful_is_not_sent(morning: time_machine.Traveller, ward: Ward) -> None:
    """「11時に下校します」 must not arrive in the evening."""
    written = ward.broadcast_to(4, sites=("docomo",))
    in_hand = take("w1", "docomo", 1, lease_s=100 * HOUR)
    morning.shift(ward.config.broadcast.urgent_useful_h * HOUR)
    assert take("w1", "docomo") == []
    assert delivery.expire(clock.now()) == 3
    assert delivery.expire(clock.now()) == 0
    assert states(written) == {"expired": 3, "sending": 1}
    delivery.settle([result(in_hand[0], LATER)])
    assert delivery.expire(clock.now()) == 1


def test_a_broadcast_is_finished_with_its_last_delivery(ward: Ward) -> None:
    written = ward.broadcast_to(3, sites=("docomo",))
    first, *rest = take("w1", "docomo")
    delivery.settle([result(row, ACCEPTED) for row in rest])
    assert delivery.finish_broadcasts(clock.now()) == 0
    delivery.settle([result(first, REFUSED)])
    assert delivery.finish_broadcasts(clock.now()) == 1
    assert Broadcast.get_by_id(written.id).state == "finished"
    assert delivery.finish_broadcasts(clock.now()) == 0


def test_a_stopped_broadcast_goes_no_further(ward: Ward) -> None:
    """What a worker has in hand ends with its outcome; what comes back to the queue ends there."""
    written = ward.broadcast_to(10, sites=("docomo",))
    sent, deferred, kept = take("w1", "docomo", 3)
    assert broadcast.stop(ward.actor(), written, clock.now()) == 7
    assert delivery.halted(clock.now()) == {written.id}
    delivery.settle([result(sent, ACCEPTED), result(deferred, LATER)])
    delivery.release([(kept.id, kept.token)], now=clock.now())
    assert delivery.halted(clock.now()) == {written.id}
    assert states(written) == {"accepted": 1, "suppressed": 9}
    assert take("w1", "docomo") == []


def test_a_stop_before_a_long_outage_still_holds_after_it(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    written = ward.broadcast_to(2, urgent=False, sites=("docomo",))
    take("dead", "docomo", lease_s=60)
    broadcast.stop(ward.actor(), written, clock.now())
    morning.shift(10 * HOUR)
    delivery.take_over(clock.now())
    assert delivery.halted(clock.now()) == {written.id}
    assert states(written) == {"suppressed": 2}


def test_progress_counts_by_state_and_by_carrier(ward: Ward) -> None:
    written = ward.broadcast_to(8, sites=("docomo", "other-0123456789ab"))
    unsure = Outcome(Kind.DEFERRED, 0, "", Reason.TIMEOUT, uncertain=True)
    outcomes = (ACCEPTED, ACCEPTED, REFUSED, unsure)
    delivery.settle([result(row, end) for row, end in zip(take("w1", "docomo"), outcomes, strict=True)])
    found = delivery.progress(written.id)
    assert (found.total, found.still_open, found.uncertain) == (8, 5, 1)
    assert found.by_carrier["docomo"]["accepted"] == 2
    assert found.by_carrier["other"]["queued"] == 4
