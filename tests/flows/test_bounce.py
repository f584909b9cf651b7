"""不達: what a receiver gives back after its 250, before it, or at the same moment."""

import threading
from datetime import timedelta

import time_machine

from appliance import clock, delivery
from appliance.delivery import Bounce, Claimed, Kind, News, Outcome, Reason
from appliance.models import Delivery, NotedBounce
from tests.flows.test_many_workers import statements  # noqa: F401 - a fixture
from tests.flows.ward import Ward, result, states, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250, "2.0.0")
REFUSED = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_USER)
UNSURE = Outcome(Kind.DEFERRED, 0, "", Reason.TIMEOUT, uncertain=True)
FULL = Bounce(552, "5.2.2", Reason.MAILBOX_FULL)
HOUR = 3600


def bounced(claimed: Claimed, bounce: Bounce = FULL) -> News:
    return delivery.bounced(claimed.id, bounce, now=clock.now())


def test_a_late_bounce_is_news_once_and_only_after_a_250(ward: Ward) -> None:
    ward.broadcast_to(2, sites=("docomo",))
    accepted, refused = take("w1", "docomo")
    delivery.settle([result(accepted, ACCEPTED), result(refused, REFUSED)])
    assert [bounced(row) for row in (accepted, accepted, refused)] == [News.BOUNCED, News.NONE, News.NONE]
    assert states() == {"bounced": 1, "failed": 1}


def test_a_bounce_says_why(ward: Ward) -> None:
    ward.broadcast_to(1, sites=("docomo",))
    (claimed,) = take("w1", "docomo")
    delivery.settle([result(claimed, ACCEPTED)])
    bounced(claimed)
    row = Delivery.get_by_id(claimed.id)
    assert (row.code, row.enhanced, row.reason) == (552, "5.2.2", Reason.MAILBOX_FULL)


def test_a_bounce_that_overtakes_our_commit_waits_for_it(ward: Ward) -> None:
    """The receiver stands in the next rack: its report is in before the group of its 250 is committed."""
    ward.broadcast_to(3, sites=("docomo",))
    early, other, third = take("w1", "docomo")
    assert bounced(early) is News.NOTED
    assert Delivery.get_by_id(early.id).state == "sending"
    delivery.settle([result(row, ACCEPTED) for row in (early, other, third)])
    row = Delivery.get_by_id(early.id)
    assert (row.state, row.code, row.enhanced, row.reason) == ("bounced", 552, "5.2.2", Reason.MAILBOX_FULL)
    assert states() == {"accepted": 2, "bounced": 1}
    assert NotedBounce.select().count() == 0


def test_of_two_early_bounces_the_last_counts(ward: Ward) -> None:
    ward.broadcast_to(1, sites=("docomo",))
    (claimed,) = take("w1", "docomo")
    bounced(claimed, Bounce(0, "", Reason.TROUBLE))
    assert bounced(claimed) is News.NOTED
    delivery.settle([result(claimed, ACCEPTED)])
    assert Delivery.get_by_id(claimed.id).reason == Reason.MAILBOX_FULL


def test_an_early_bounce_of_one_attempt_says_nothing_of_the_next(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    """The connection broke after the body: the copy that bounced was the first, the second may arrive."""
    ward.broadcast_to(1, sites=("docomo",))
    (first,) = take("w1", "docomo")
    bounced(first)
    delivery.settle([result(first, UNSURE)])
    morning.shift(HOUR)
    (second,) = take("w1", "docomo")
    delivery.settle([result(second, ACCEPTED)])
    assert states() == {"accepted": 1}


def test_a_settled_group_looks_only_at_notes_about_itself(
    ward: Ward,
    statements: list[str],  # noqa: F811
) -> None:
    """Thousands of notes of other workers wait; what is noted about a mail that was put off is void."""
    ward.broadcast_to(3, sites=("docomo",))
    put_off, taken, elsewhere = take("w1", "docomo")
    for row in (put_off, taken, elsewhere):
        assert bounced(row) is News.NOTED
    statements.clear()
    delivery.settle([result(put_off, UNSURE), result(taken, ACCEPTED)])
    about = [sql for sql in statements if "noted_bounce" in sql]
    assert about
    assert all("IN (" in sql for sql in about), about
    assert states() == {"bounced": 1, "deferred": 1, "sending": 1}
    assert [row.delivery_id for row in NotedBounce.select()] == [elsewhere.id]


def test_a_note_that_nothing_meets_is_forgotten(morning: time_machine.Traveller, ward: Ward) -> None:
    ward.broadcast_to(2, sites=("docomo",))
    lost, later = take("w1", "docomo", lease_s=7 * 24 * HOUR)
    bounced(lost)
    morning.shift(timedelta(days=2))
    bounced(later)
    assert [row.delivery_id for row in NotedBounce.select()] == [later.id]


def test_a_bounce_of_a_mail_that_waits_or_is_unknown_changes_nothing(ward: Ward) -> None:
    ward.broadcast_to(1, sites=("docomo",))
    row = Delivery.get()
    assert delivery.bounced(row.id, FULL, now=clock.now()) is News.NONE
    assert delivery.bounced(2**40, FULL, now=clock.now()) is News.NONE
    assert (states(), NotedBounce.select().count()) == ({"queued": 1}, 0)


def test_at_the_same_moment_the_bounce_is_never_lost(ward: Ward) -> None:
    """One thread commits the 250, another records the bounce; whoever is first, it ends as bounced."""
    rounds = 20
    ward.broadcast_to(rounds, sites=("docomo",))
    claims = take("w1", "docomo", rounds)
    ready = threading.Barrier(2, timeout=20)

    def settle() -> None:
        for claimed in claims:
            ready.wait()
            delivery.settle([result(claimed, ACCEPTED)])

    settler = threading.Thread(target=settle)
    settler.start()
    news = []
    for claimed in claims:
        ready.wait()
        news.append(bounced(claimed))
    settler.join(timeout=30)
    assert set(news) <= {News.BOUNCED, News.NOTED}
    assert states() == {"bounced": rounds}
