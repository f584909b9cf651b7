"""How receivers are treated by real workers: never above a site's limits, less when it asks, urgent first."""

import signal
from pathlib import Path

import pytest

from appliance.models import Delivery
from appliance.states import DeliveryState
from tests.e2e.house import OTHER_DOMAIN, OTHER_HOST, House
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ACCEPTED, DEFERRED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED


# --- limits over all workers


@pytest.mark.parametrize("connections", [1, 3, 4])
def test_three_workers_together_stay_within_the_limit_of_a_site(
    tmp_path: Path, sqlite_url: str, connections: int
) -> None:
    """Also where there are fewer connections than workers."""
    with House(tmp_path / "house", sqlite_url, connections=connections) as house:
        receiver = house.receiver(delay_s=0.02)
        school, principal = house.school(200)
        for name in ("1", "2", "3"):
            house.worker(name)
        until(lambda: house.installation.divided("1", "2", "3"), why="all three count")
        sent = house.send(school, principal, urgent=True)
        house.wait_until(sent, ACCEPTED, 200)
        most, _ = receiver.door()
        assert most == connections
        assert set(receiver.copies().values()) == {1}


def test_a_worker_that_joins_in_the_middle_takes_its_share_and_no_more(
    tmp_path: Path, sqlite_url: str
) -> None:
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(delay_s=0.05)
        school, principal = house.school(500)
        sent = [house.send(school, principal, urgent=True)]
        house.worker("1")
        until(lambda: len(receiver.mails()) >= 20, why="it is on its way")
        house.worker("2")
        until(lambda: house.installation.divided("1", "2"), why="both count")

        def the_second_has_work() -> bool:
            """However long it took to come: there is enough left for it."""
            if Delivery.select().where(Delivery.state == DeliveryState.QUEUED).count() < 200:
                sent.append(house.send(school, principal, urgent=True))
            return '"delivery.claimed"' in house.log("2")

        until(the_second_has_work, within_s=30)
        for each in sent:
            house.wait_until(each, ACCEPTED, 500)
        most, _ = receiver.door()
        assert most == 4


def test_a_dead_workers_sites_are_served_by_the_living_within_a_lease(
    tmp_path: Path, sqlite_url: str
) -> None:
    """One connection, two workers: one of them holds it, and is killed."""
    with House(tmp_path / "house", sqlite_url, connections=1, lease_s=5) as house:
        receiver = house.receiver(delay_s=0.02)
        processes = {name: house.worker(name) for name in ("1", "2")}
        until(lambda: house.installation.divided("1", "2"), why="both count")
        sent = house.send(*house.school(300), urgent=True)
        until(lambda: len(receiver.mails()) >= 20, why="it is on its way")
        holds, other = (
            ("1", "2") if house.log("1").count("relay.connection") or _sends(house, "1") else ("2", "1")
        )
        processes[holds].send_signal(signal.SIGKILL)
        processes[holds].wait()
        house.wait_until(sent, ACCEPTED, 300, within_s=40)
        assert "delivery.settled" in house.log(other)
        assert len(receiver.copies()) == 300


def _sends(house: House, name: str) -> bool:
    return '"accepted": 0' not in house.log(name) and "delivery.settled" in house.log(name)


# --- what a site says


def test_a_site_that_bears_two_connections_is_soon_asked_for_two(tmp_path: Path, sqlite_url: str) -> None:
    """421 at the banner above two: the mail arrives all the same, and the door is not hammered."""
    with House(tmp_path / "house", sqlite_url, connections=8) as house:
        receiver = house.receiver(delay_s=0.02, connections=2)
        sent = house.send(*house.school(200), urgent=True)
        house.worker()
        house.wait_until(sent, ACCEPTED, 200)
        _, came = receiver.door()
        assert set(receiver.copies().values()) == {1}
        assert came <= 2 * 8 + 200 / 50, "each of the eight was told once, hardly more"


def test_a_site_that_resets_every_connection_is_left_alone(tmp_path: Path, sqlite_url: str) -> None:
    """au's way of blocking: three resets, then silence from us; the mail waits and goes later."""
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(reset_door=True)
        sent = house.send(*house.school(60), urgent=True)
        house.worker()
        until(lambda: DEFERRED in house.states(sent) or receiver.door()[1] >= 3, why="it was reset")
        until(lambda: DeliveryState.SENDING not in house.states(sent), why="nothing is held in hand")
        _, came = receiver.door()
        house.receiver(OTHER_HOST)
        others = house.send(*house.school(5, lambda n: f"hogosha{n}@{OTHER_DOMAIN}"), urgent=True)
        house.wait_until(others, ACCEPTED, 5)
        assert receiver.door()[1] == came <= 8, "nobody knocks at a closed door"
        assert house.states(sent).keys() <= {DEFERRED, DeliveryState.QUEUED}


@pytest.mark.parametrize(
    ("reply", "slows"),
    [
        ("421 4.7.0 try again later", True),
        ("451 4.7.650 the mail server has been temporarily rate limited", True),
        ("450 4.7.1 greylisted, come again", False),
        ("450 4.2.0 greylisted", False),
        ("452 4.2.2 mailbox full", False),
        ("451 4.3.0 local trouble", False),
    ],
)
def test_only_a_wish_for_less_slows_the_others(
    tmp_path: Path, sqlite_url: str, reply: str, slows: bool
) -> None:
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        house.receiver(rcpt={"hogosha1": reply}, delay_s=0.01)
        sent = house.send(*house.school(40), urgent=True)
        house.worker()
        house.wait_until(sent, ACCEPTED, 30)
        until(lambda: house.log().count("attempt.failed") >= 1, why="the one was refused")
        until(lambda: "relay.connection" in house.log(), why="a connection ended")
        house.wait_until(sent, ACCEPTED, 39 if not slows else 30)
        assert ('"throttled": true' in house.log()) is slows


# --- lanes


def test_urgent_mail_does_not_wait_for_connections_that_are_stuck(tmp_path: Path, sqlite_url: str) -> None:
    """A receiver thinks for ten seconds over each routine mail. One connection was kept free."""
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(delay_s=9)
        school, principal = house.school(24)
        routine = house.send(school, principal, subject="給食だより")
        house.worker()
        until(lambda: len(receiver.mails()) == 3, why="three connections carry routine mail")
        urgent = house.send(school, principal, urgent=True, subject="休校")
        until(
            lambda: Delivery.get_by_id(house.delivery_of(receiver.mails()[-1])).broadcast_id == urgent.id,
            within_s=5,
            why="the first urgent mail is in",
        )
        assert house.states(routine).get(ACCEPTED, 0) == 0
        receiver.obey()
        house.wait_until(urgent, ACCEPTED, 24)


def test_an_urgent_mail_overtakes_what_two_workers_hold(tmp_path: Path, sqlite_url: str) -> None:
    """Both have hundreds of routine letters in hand when the school must be closed."""
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(delay_s=0.05)
        school, principal = house.school(300)
        for name in ("1", "2"):
            house.worker(name)
        until(lambda: house.installation.divided("1", "2"), why="both count")
        routine = house.send(school, principal, subject="給食だより")
        until(lambda: len(receiver.mails()) >= 30, why="the routine mail is on its way")
        urgent = house.send(school, principal, urgent=True, subject="休校")
        before = len(receiver.mails())
        house.wait_until(urgent, ACCEPTED, 300)
        assert house.states(routine)[ACCEPTED] < 300
        receiver.obey()
        house.wait_until(routine, ACCEPTED, 300)
        kinds = [
            Delivery.get_by_id(house.delivery_of(mail)).broadcast_id == urgent.id for mail in receiver.mails()
        ]
    last_urgent = max(place for place, is_urgent in enumerate(kinds) if is_urgent)
    overtaken_late = kinds[before:last_urgent].count(False)
    assert overtaken_late <= 3 * 20 + 6  # a second of three connections, and what was in flight
