"""Drills: the scenarios that come with the carrier simulator, against the real relay.

What must come out was known before anything was sent (`Ward.expected`), and both sides' books must say it.
"""

from collections import Counter
from pathlib import Path

import pytest

from appliance import reach
from appliance.models import Delivery
from appliance.states import DeliveryState
from tests.e2e.drilled import Ward, ward
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ACCEPTED, DEFERRED, FAILED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.FAILED


def reasons(state: DeliveryState) -> Counter[str]:
    """How many ended so, by what pages say about it."""
    return Counter(row[0] for row in Delivery.select(Delivery.reason).where(Delivery.state == state).tuples())


def at(here: Ward, *domains: str) -> list[str]:
    return [address for address in here.addresses if address.endswith(tuple("@" + each for each in domains))]


def test_filters_that_look_like_unknown_users_and_filters_that_say_nothing(
    tmp_path: Path, sqlite_url: str
) -> None:
    """docomo's and au's 550 may be either and says so; SoftBank's 250 is only accepted, never more."""
    with ward(tmp_path, sqlite_url, "docomo-filters", 1_000) as here:
        expected = here.expected
        sent = here.send()
        here.house.worker()
        here.house.wait_until(sent, ACCEPTED, expected["kept"] + expected["dropped"])
        here.house.wait_until(sent, FAILED, expected["unknown"] + expected["filtered"])
        ambiguous = here.drill.forecast(at(here, "docomo.ne.jp", "ezweb.ne.jp", "au.com"))
        plain = here.drill.forecast(at(here, "softbank.ne.jp", "i.softbank.jp"))
        total = here.drill.counts()["total"]
        assert reasons(FAILED) == {
            "unknown_or_filtered": ambiguous["unknown"] + ambiguous["filtered"],
            "unknown_user": plain["unknown"],
        }
        assert plain["dropped"] > 5
        count = reach.count(sent)
        assert (count.confirmed, count.accepted) == (0, expected["kept"] + expected["dropped"])
        assert (total["kept"], total["dropped"]) == (expected["kept"], expected["dropped"])
        assert total["duplicates"] == 0


def test_full_boxes_are_told_apart_from_people_who_are_gone(tmp_path: Path, sqlite_url: str) -> None:
    with ward(tmp_path, sqlite_url, "full-boxes", 600) as here:
        full = here.expected["full"]
        later = here.drill.forecast(at(here, "gmail.com"))["full"]  # Google says 452: it will be tried again
        sent = here.send()
        here.house.worker()
        here.house.wait_until(sent, ACCEPTED, 600 - full)
        here.house.wait_until(sent, FAILED, full - later)
        here.house.wait_until(sent, DEFERRED, later)
        assert reasons(FAILED) == {"mailbox_full": full - later}
        assert reasons(DEFERRED) == {"mailbox_full": later}
        assert full - later > later > 0


def test_greylisting_lets_the_same_return_path_in_the_second_time(tmp_path: Path, sqlite_url: str) -> None:
    text = '\ntitle = "Impatient greylisting"\n[all]\ngreylist_s = 2\n'
    with ward(tmp_path, sqlite_url, text, 300) as here:
        sent = here.send()
        here.house.worker()
        here.house.wait_until(sent, DEFERRED, 300)
        assert reasons(DEFERRED) == {"trouble": 300}

        def all_in() -> bool:
            here.house.hurry()
            return here.house.states(sent) == {ACCEPTED: 300}

        until(all_in, within_s=20, why="everybody is let in")
        here.everybody_has_it_once(sent)


def test_in_a_morning_rush_no_carrier_has_to_turn_us_away(tmp_path: Path, sqlite_url: str) -> None:
    """Two workers, our own limits, and carriers that bear exactly these: connections, messages, rate."""
    with ward(tmp_path, sqlite_url, "morning-rush", 900, workers=2, wide=False) as here:
        sent = here.send()
        for name in ("1", "2"):
            here.house.worker(name)
        expected = here.expected
        here.house.wait_until(sent, ACCEPTED, expected["kept"] + expected["dropped"], within_s=60)
        counts = here.drill.counts()
    refused = counts["total"]["refused"].keys()
    assert refused <= {"unknown", "filtered", "full"}
    assert counts["total"]["taken"] == expected["kept"] + expected["dropped"]
    assert counts["total"]["duplicates"] == 0


def test_workers_come_and_go_in_the_middle_and_no_carrier_sees_more_connections_than_it_bears(
    tmp_path: Path, sqlite_url: str
) -> None:
    """A second node is started, then the first is stopped: connections change hands, never overlap."""
    with ward(tmp_path, sqlite_url, "morning-rush", 3_000, workers=2, wide=False) as here:
        sent = here.send()
        first = here.house.worker("1")
        until(lambda: here.drill.counts()["carriers"]["docomo"]["taken"] > 100, within_s=30, why="under way")
        here.house.worker("2")
        until(lambda: "delivery.claimed" in here.house.log("2"), within_s=30, why="the second is at work")
        taken = here.drill.counts()["total"]["taken"]
        until(lambda: here.drill.counts()["total"]["taken"] > taken + 200, within_s=30, why="side by side")
        first.terminate()
        assert first.wait(timeout=30) == 0
        expected = here.expected
        here.house.wait_until(sent, ACCEPTED, expected["kept"] + expected["dropped"], within_s=60)
        counts = here.drill.counts()
        bears = {key: manners.connections for key, manners in here.drill.scenario.first.manners.items()}
    peaks = {key: report["peak_connections"] for key, report in counts["carriers"].items()}
    assert {key: peak for key, peak in peaks.items() if peak > bears[key]} == {}
    assert counts["total"]["refused"].keys() <= {"unknown", "filtered", "full"}
    assert counts["total"]["duplicates"] == 0


def test_a_carrier_that_is_dark_does_not_hold_up_the_others(tmp_path: Path, sqlite_url: str) -> None:
    """docomo's hosts are gone in the middle; when they are back, docomo's guardians have it, too."""
    text = """
title = "Outage"
[all]
latency_ms = [10, 20]
[[phase]]
name = "dark"
[phase.docomo]
down = true
[[phase]]
name = "back"
"""
    with ward(tmp_path, sqlite_url, text, 1_500) as here:
        docomo = len(at(here, "docomo.ne.jp"))
        sent = here.send()
        worker = here.house.worker()
        until(lambda: here.drill.counts()["carriers"]["docomo"]["taken"] > 50, within_s=20, why="under way")
        here.drill.turn("dark")
        here.house.wait_until(sent, ACCEPTED, 1_500 - docomo)
        assert here.house.states(sent).get(ACCEPTED, 0) < 1_500
        here.drill.turn("back")
        worker.terminate()  # whoever knows that it is back need not wait for the suspension's end
        assert worker.wait(timeout=30) == 0
        here.house.worker()

        def all_there() -> bool:
            here.house.hurry()
            return here.house.states(sent) == {ACCEPTED: 1_500}

        until(all_there, within_s=40, why="docomo has it, too")
        here.nobody_is_missing(sent)
