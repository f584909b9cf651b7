"""What becomes of each mail: refused, deferred, unreachable, stopped, too late; with real workers."""

import resource
import signal
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from appliance import broadcast, clock, db
from appliance.models import Attempt, Broadcast, Delivery
from appliance.states import BroadcastState, DeliveryState
from tests.e2e.house import DOMAIN, HOST, House, mx
from tests.support.postgres import Cluster
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ACCEPTED, DEFERRED, FAILED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.FAILED


def domains_of(*domains: str) -> object:
    """The n-th guardian lives at the n-th of these."""
    return lambda number: f"hogosha{number}@{domains[number % len(domains)]}"


def why(state: DeliveryState) -> dict[str, int]:
    """How many ended so, by what pages say about it."""
    rows = Delivery.select(Delivery.reason, Delivery.enhanced).where(Delivery.state == state).tuples()
    found: dict[str, int] = {}
    for reason, enhanced in rows:
        found[f"{reason} {enhanced}"] = found.get(f"{reason} {enhanced}", 0) + 1
    return found


def test_one_broadcast_with_every_kind_of_trouble_at_the_receiver(tmp_path: Path, durable_url: str) -> None:
    with House(tmp_path / "house", durable_url) as house:
        receiver = house.receiver(
            rcpt={"hogosha1": "550 5.1.1 unknown user hogosha1", "hogosha2": "452 4.2.2 mailbox full"},
            rcpt_once={"hogosha3": "450 4.7.1 greylisted, come again"},
            dot_once={"hogosha4": "451 4.3.0 try later"},
        )
        sent = house.send(*house.school(40))
        house.worker()
        house.wait_until(sent, DEFERRED, 3)
        house.wait_until(sent, ACCEPTED, 36)
        assert why(FAILED) == {"unknown_user 5.1.1": 1}
        assert why(DEFERRED) == {"mailbox_full 4.2.2": 1, "trouble 4.7.1": 1, "trouble 4.3.0": 1}
        first = {mail.to: mail.header("Message-ID") for mail in receiver.mails()}
        house.hurry()
        house.wait_until(sent, ACCEPTED, 38)
        until(
            lambda: Attempt.select().where(Attempt.reason == "mailbox_full").count() == 2,
            why="the full box is tried again",
        )
        assert why(DEFERRED) == {"mailbox_full 4.2.2": 1}
        assert set(receiver.copies().values()) == {1}
        assert len({mail.header("Message-ID") for mail in receiver.mails()}) == 38
        assert house.uncertain() == set()
        assert first.items() <= {mail.to: mail.header("Message-ID") for mail in receiver.mails()}.items()


def test_a_retry_carries_the_same_message_id(tmp_path: Path, sqlite_url: str) -> None:
    """The receiver took it, the line broke before its 250: the second copy can be recognised."""
    with House(tmp_path / "house", sqlite_url, connections=1) as house:
        receiver = house.receiver(reset_at=5)
        sent = house.send(*house.school(5))
        house.worker()
        house.wait_until(sent, DEFERRED, 1)
        assert len(house.uncertain()) == 1
        receiver.obey()
        house.hurry()
        house.wait_until(sent, ACCEPTED, 5)
        ids = [mail.header("Message-ID") for mail in receiver.mails()]
        assert (len(ids), len(set(ids))) == (6, 5)
        assert {
            house.delivery_of(mail) for mail in receiver.mails() if ids.count(mail.header("Message-ID")) > 1
        } == (house.uncertain())


def test_a_receiver_that_defers_everybody_is_tried_again_and_nobody_is_lost(
    tmp_path: Path, sqlite_url: str
) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        receiver = house.receiver(dot="451 4.7.1 busy")
        sent = house.send(*house.school(120))
        house.worker()
        house.wait_until(sent, DEFERRED, 120)
        assert {row.attempts for row in Delivery.select()} == {1}
        receiver.obey()
        house.hurry()
        house.wait_until(sent, ACCEPTED, 120)
        until(lambda: Broadcast.get_by_id(sent.id).state == BroadcastState.FINISHED, why="it is finished")
        assert Attempt.select().count() == 120
        assert set(receiver.copies().values()) == {1}


def test_a_receiver_that_is_down_gets_its_mail_when_it_is_back(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        sent = house.send(*house.school(60))
        house.worker()
        house.wait_until(sent, DEFERRED, 60)
        assert why(DEFERRED) == {"network ": 60}
        receiver = house.receiver()
        house.hurry()
        house.wait_until(sent, ACCEPTED, 60)
        assert set(receiver.copies().values()) == {1}


def test_a_receiver_that_crashes_in_the_middle_loses_nobody(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(delay_s=0.02)
        sent = house.send(*house.school(200))
        house.worker()
        until(lambda: len(receiver.mails()) >= 50, why="it is at work")
        receiver.stop()
        until(
            lambda: not {DeliveryState.QUEUED, DeliveryState.SENDING} & house.states(sent).keys(), within_s=30
        )
        receiver.start()
        house.hurry()
        house.wait_until(sent, ACCEPTED, 200)
        doubled = {to for to, count in receiver.copies().items() if count > 1}
        assert len(receiver.copies()) == 200
        assert {
            house.delivery_of(mail) for mail in receiver.mails() if mail.to in doubled
        } <= house.uncertain()
        assert len(house.uncertain()) <= 4


def test_what_dns_says_decides(tmp_path: Path, sqlite_url: str) -> None:
    """A domain that is gone or takes no mail fails for good; one whose name servers are ill is not lost."""
    domains = (DOMAIN, "kieta.example", "null.example", "byouki.example")
    with House(tmp_path / "house", sqlite_url) as house:
        house.canaries += domains
        house.names.zone(mx(DOMAIN, HOST) + mx("byouki.example", HOST) + "null.example. IN MX 0 .\n")
        house.names.failing = {"byouki.example"}
        receiver = house.receiver()
        sent = house.send(*house.school(8, domains_of(*domains)))
        house.worker()
        house.wait_until(sent, ACCEPTED, 2)
        house.wait_until(sent, FAILED, 4)
        house.wait_until(sent, DEFERRED, 2)
        assert why(FAILED) == {"no_route 5.1.2": 2, "no_route 5.1.10": 2}
        assert why(DEFERRED) == {"no_route 4.4.3": 2}
        house.names.failing = set()
        house.hurry()
        house.wait_until(sent, ACCEPTED, 4)
        assert len(receiver.copies()) == 4


def test_a_silent_name_server_holds_up_only_its_own_mail(tmp_path: Path, sqlite_url: str) -> None:
    """Anybody may register an address at a domain of his own; his name server must not slow a ward."""
    domains = (DOMAIN, *(f"shizuka{number}.example" for number in range(9)))
    with House(tmp_path / "house", sqlite_url) as house:
        house.canaries += domains
        house.names.silent = set(domains[1:])
        house.receiver()
        sent = house.send(*house.school(400, domains_of(*domains)))
        house.worker()
        house.wait_until(sent, ACCEPTED, 40, within_s=5)
        assert DEFERRED not in house.states(sent)


def test_urgent_mail_overtakes_routine_mail_at_the_same_receiver(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(delay_s=0.05)
        school, principal = house.school(400)
        routine = house.send(school, principal, subject="給食だより")
        house.worker()
        until(lambda: len(receiver.mails()) >= 40, why="the routine mail is on its way")
        urgent = house.send(school, principal, urgent=True, subject="休校")
        routine_before = len(receiver.mails())
        house.wait_until(urgent, ACCEPTED, 400)
        assert house.states(routine)[ACCEPTED] < 400
        receiver.obey()
        house.wait_until(routine, ACCEPTED, 400)
        kinds = [
            Delivery.get_by_id(house.delivery_of(mail)).broadcast_id == urgent.id for mail in receiver.mails()
        ]
    last_urgent = max(place for place, is_urgent in enumerate(kinds) if is_urgent)
    overtaken_late = kinds[routine_before:last_urgent].count(False)
    assert overtaken_late <= 40  # what was under way until the worker saw it, and the last courier's


def test_stopping_a_broadcast_stops_the_rest_within_a_second_or_two(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url, connections=4) as house:
        receiver = house.receiver(delay_s=0.05)
        school, principal = house.school(600)
        sent = house.send(school, principal)
        house.worker()
        until(lambda: len(receiver.mails()) >= 50, why="it is on its way")
        broadcast.stop(principal, sent, clock.now())
        stopped_after = len(receiver.mails())
        until(lambda: DeliveryState.SENDING not in house.states(sent), why="nothing is in hand")
        until(lambda: DeliveryState.QUEUED not in house.states(sent), why="nothing waits")
        taken = len(receiver.mails())
        assert house.states(sent) == {ACCEPTED: taken, DeliveryState.SUPPRESSED: 600 - taken}
        assert (
            taken - stopped_after <= 4 * 20 * 2.5
        )  # four connections, twenty a second, two seconds and a bit


def test_what_comes_too_late_is_not_sent(tmp_path: Path, sqlite_url: str) -> None:
    """ "School ends at 11" is listed as not reached at 11, and no phone rings at noon."""
    with House(tmp_path / "house", sqlite_url, connections=1) as house:
        receiver = house.receiver(delay_s=0.05)
        sent = house.send(*house.school(100))
        house.worker()
        until(lambda: len(receiver.mails()) >= 5, why="it is on its way")
        Delivery.update(expires_at=clock.now()).where(Delivery.state == DeliveryState.QUEUED).execute()
        until(lambda: house.states(sent).keys() <= {ACCEPTED, DeliveryState.EXPIRED}, why="it ends")
        taken = house.states(sent)[ACCEPTED]
        assert taken == len(receiver.mails())
        assert house.states(sent)[DeliveryState.EXPIRED] == 100 - taken
        until(lambda: Broadcast.get_by_id(sent.id).state == BroadcastState.FINISHED, why="it is finished")


def test_a_locked_database_loses_nothing(tmp_path: Path) -> None:
    """Somebody holds the file for longer than a worker waits for it, in the middle of a broadcast."""
    url = f"sqlite:///{tmp_path}/karamail.db"
    with House(tmp_path / "house", url, connections=4) as house:
        text = house.file.read_text()
        house.file.write_text(text.replace("[database]\n", "[database]\nbusy_timeout_s = 1\n"))
        receiver = house.receiver(delay_s=0.01)
        sent = house.send(*house.school(400))
        house.worker()
        until(lambda: len(receiver.mails()) >= 50, why="it is on its way")
        with closing(sqlite3.connect(tmp_path / "karamail.db", isolation_level=None)) as backup:
            backup.execute("BEGIN IMMEDIATE")
            until(lambda: "database.unavailable" in house.log(), why="the worker notices")
            before = len(receiver.mails())
            backup.execute("ROLLBACK")
        house.wait_until(sent, ACCEPTED, 400)
        assert before < 400
        assert set(receiver.copies().values()) == {1}
        assert house.uncertain() == set()


@pytest.mark.postgres
def test_a_database_that_is_gone_for_seconds_loses_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(durable=True))
        house = stack.enter_context(
            House(tmp_path / "house", cluster.create("ward"), connections=4, workers=2)
        )
        receiver = house.receiver(delay_s=0.02)
        sent = house.send(*house.school(600))
        workers = [house.worker(name) for name in ("1", "2")]
        until(lambda: len(receiver.mails()) >= 50, why="it is on its way")
        cluster.stop()
        for name in ("1", "2"):
            until(lambda name=name: "database.unavailable" in house.log(name), why="the worker notices")
        cluster.start()
        db.vanish()  # the test's own connection
        house.wait_until(sent, ACCEPTED, 600, within_s=60)
        assert [worker.poll() for worker in workers] == [None, None]
        assert set(receiver.copies().values()) == {1}
        assert house.uncertain() == set()


def test_a_worker_asked_to_stop_gives_back_and_another_finishes(tmp_path: Path, durable_url: str) -> None:
    """A node is taken out of service in the middle of a broadcast: no double, nothing uncertain, exit 0."""
    with House(tmp_path / "house", durable_url, connections=8, workers=2) as house:
        receiver = house.receiver(delay_s=0.03)
        sent = house.send(*house.school(800))
        for turn in range(1, 6):
            leaving = house.worker("1")
            until(lambda turn=turn: len(receiver.mails()) >= 100 * turn, why="it is on its way")
            leaving.send_signal(signal.SIGTERM)
            assert leaving.wait(timeout=10) == 0
            assert DeliveryState.SENDING not in house.states(sent)
        receiver.obey()
        house.worker("2")
        house.wait_until(sent, ACCEPTED, 800)
        assert set(receiver.copies().values()) == {1}
        assert house.uncertain() == set()
        assert {row.attempts for row in Delivery.select()} == {1}


def test_a_worker_that_was_frozen_longer_than_its_lease_lets_go(tmp_path: Path, durable_url: str) -> None:
    """Its virtual machine was moved: when it wakes, another has sent what it held, and it sends no more."""
    with House(tmp_path / "house", durable_url, connections=4, workers=2, lease_s=5) as house:
        receiver = house.receiver(delay_s=0.05)
        sent = house.send(*house.school(400))
        frozen = house.worker("1")
        until(lambda: len(receiver.mails()) >= 20, why="it is on its way")
        with db.transaction():  # not while it holds SQLite's one lock, which nobody would take from it
            frozen.send_signal(signal.SIGSTOP)
            until(lambda: _asleep(frozen.pid), why="it sleeps")
        house.worker("2")
        receiver.obey()
        house.wait_until(sent, ACCEPTED, 400)
        before = len(receiver.mails())
        frozen.send_signal(signal.SIGCONT)
        settled = house.log("1").count("delivery.settled")
        until(lambda: house.log("1").count("delivery.settled") > settled, why="it is awake")
        frozen.send_signal(signal.SIGTERM)
        assert frozen.wait(timeout=10) == 0
        assert len(receiver.mails()) - before <= 4  # on each of its connections one envelope was out already
        doubled = {to for to, count in receiver.copies().items() if count > 1}
        assert len(receiver.copies()) == 400
        assert {
            house.delivery_of(mail) for mail in receiver.mails() if mail.to in doubled
        } <= house.uncertain()


def _asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.postgres
def test_a_full_disk_under_the_journal_ends_the_worker(tmp_path: Path, durable_postgres_url: str) -> None:
    """It must not send what it cannot write down; supervisor starts it again, and then nobody is lost."""
    with House(tmp_path / "house", durable_postgres_url, connections=2) as house:
        receiver = house.receiver()
        school, principal = house.school(100)
        ended = house.worker()
        resource.prlimit(ended.pid, resource.RLIMIT_FSIZE, (0, 0))
        sent = house.send(school, principal)
        assert ended.wait(timeout=30) == 1
        assert receiver.mails() == []
        house.worker()
        house.wait_until(sent, ACCEPTED, 100)
        assert set(receiver.copies().values()) == {1}
