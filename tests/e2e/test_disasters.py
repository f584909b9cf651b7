"""Disasters in the middle of a broadcast to a ward in small: nothing is lost, and both sides' counts agree.

The carriers are the simulator's, each reply takes its time, so that the middle is long enough to hit. Killed
workers are in `test_kill`.
"""

import os
import smtplib
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from appliance import db
from appliance.models import Attempt, Delivery, Worker
from appliance.states import DeliveryState
from tests.e2e.drilled import ward
from tests.support.postgres import Cluster
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ACCEPTED, DEFERRED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED
PEOPLE = 3_000
UNHURRIED = '\ntitle = "Unhurried"\n[all]\nlatency_ms = [20, 40]\n'
AWAY_S = 30.0  # as the ward's requirement has it


@pytest.mark.postgres
def test_the_database_goes_away_for_half_a_minute(tmp_path: Path) -> None:
    """PostgreSQL stops from one moment to the next (as `-m immediate`); nobody touches the workers."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(durable=True))
        here = stack.enter_context(ward(tmp_path, cluster.create("ward"), UNHURRIED, PEOPLE, workers=2))
        sent = here.send()
        workers = [here.house.worker(name) for name in ("1", "2")]
        until(lambda: here.drill.counts()["total"]["taken"] > PEOPLE // 10, within_s=30, why="under way")
        cluster.stop()
        gone_at_s = time.monotonic()
        for name in ("1", "2"):
            until(
                lambda name=name: "database.unavailable" in here.house.log(name),
                within_s=30,
                why="the workers notice",
            )
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - gone_at_s)))  # time is the subject
        taken = here.drill.counts()["total"]["taken"]
        cluster.start()
        db.vanish()
        here.house.wait_until(sent, ACCEPTED, PEOPLE, within_s=60)
        assert [worker.poll() for worker in workers] == [None, None]
        assert taken < PEOPLE
        here.everybody_has_it_once(sent)


def test_somebody_locks_the_database_file_again_and_again(tmp_path: Path) -> None:
    """A backup program holds SQLite's write lock for longer than a worker waits for it, three times."""
    url = f"sqlite:///{tmp_path}/karamail.db"
    with ward(tmp_path, url, UNHURRIED, PEOPLE) as here:
        text = here.house.file.read_text()
        here.house.file.write_text(text.replace("[database]\n", "[database]\nbusy_timeout_s = 1\n"))
        sent = here.send()
        here.house.worker()
        for turn in (1, 2, 3):
            until(
                lambda turn=turn: here.drill.counts()["total"]["taken"] > turn * PEOPLE // 5,
                within_s=30,
                why="under way",
            )
            before = here.house.log().count("database.unavailable")
            with closing(sqlite3.connect(tmp_path / "karamail.db", isolation_level=None)) as backup:
                backup.execute("BEGIN IMMEDIATE")
                until(
                    lambda before=before: here.house.log().count("database.unavailable") >= before + 2,
                    within_s=20,
                    why="the worker notices",
                )
                backup.execute("ROLLBACK")
        here.house.wait_until(sent, ACCEPTED, PEOPLE, within_s=40)
        here.everybody_has_it_once(sent)


def test_the_name_servers_of_one_carrier_time_out(tmp_path: Path, sqlite_url: str) -> None:
    """au's names are not answered at all: all others are through meanwhile, au when they are back."""
    with ward(tmp_path, sqlite_url, "calm", PEOPLE) as here:
        au = sum(address.endswith(("@ezweb.ne.jp", "@au.com")) for address in here.addresses)
        here.house.names.silent = {"ezweb.ne.jp", "au.com"}
        sent = here.send()
        here.house.worker()
        here.house.wait_until(sent, ACCEPTED, PEOPLE - au, within_s=30)
        assert here.drill.counts()["carriers"]["au"]["connections"] == 0
        here.house.wait_until(sent, DEFERRED, 1, within_s=30)
        assert {row.enhanced for row in Delivery.select().where(Delivery.state == DEFERRED)} == {"4.4.3"}
        here.house.names.silent = set()

        def all_there() -> bool:
            here.house.hurry()
            return here.house.states(sent) == {ACCEPTED: PEOPLE}

        until(all_there, within_s=40, why="au has it, too")
        here.everybody_has_it_once(sent)


def test_all_carriers_defer_everything_and_recover(tmp_path: Path, durable_url: str) -> None:
    with ward(tmp_path, durable_url, "all-defer", PEOPLE) as here:
        sent = here.send()
        here.house.worker()
        here.house.wait_until(sent, DEFERRED, PEOPLE, within_s=40)
        assert here.drill.counts()["total"]["taken"] == 0
        assert here.drill.counts()["total"]["refused"] == {"deferred": PEOPLE}
        assert Attempt.select().count() == PEOPLE
        here.drill.turn("recovered")
        here.house.hurry()
        here.house.wait_until(sent, ACCEPTED, PEOPLE, within_s=40)
        here.everybody_has_it_once(sent)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "karamail-test", disk], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """The rest of it, to the last block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def test_the_disk_under_database_journal_and_logs_is_full(tmp_path: Path, small_disk: Path) -> None:
    """All of a node lies on it. The worker ends; once there is room, nobody is missing."""
    url = f"sqlite:///{small_disk}/karamail.db"
    with ward(small_disk, url, UNHURRIED, PEOPLE) as here:
        sent = here.send()
        worker = here.house.worker()
        until(lambda: here.drill.counts()["total"]["taken"] > PEOPLE // 5, within_s=30, why="under way")
        filler = fill(small_disk)
        settled = here.drill.counts()["total"]["taken"]
        until(lambda: worker.poll() is not None, within_s=30, why="it does not send what it cannot note")
        assert worker.returncode == 1
        stopped = here.drill.counts()["total"]["taken"]
        assert stopped < PEOPLE
        filler.unlink()
        here.house.worker()  # as supervisor does

        def all_there() -> bool:
            here.house.hurry()  # what was on its way is retried in a minute or two
            return here.house.states(sent) == {ACCEPTED: PEOPLE}

        until(all_there, within_s=40, why="everybody has it")
        print(f"taken when the disk was full: {settled}, when the worker ended: {stopped}")
        here.nobody_is_missing(sent)


def test_a_worker_without_room_for_its_journal_takes_mail_and_leaves_the_sending_to_others(
    tmp_path: Path, sqlite_url: str, small_disk: Path
) -> None:
    """Only the spool of the first worker lies on the full disk. It stays, and holds no share."""
    with ward(tmp_path, sqlite_url, "calm", PEOPLE) as here:
        spool = here.house.folder / "spool"
        spool.mkdir(exist_ok=True)
        (small_disk / "journal").touch()
        (spool / "outcomes-1.journal").symlink_to(small_disk / "journal")
        filler = fill(small_disk)
        first = here.house.worker("1")
        assert "journal.refused" in here.house.log("1")
        with smtplib.SMTP("127.0.0.1", here.house.mail_port, timeout=10) as door:
            assert door.noop()[0] == 250
        here.house.worker("2")
        sent = here.send()
        here.house.wait_until(sent, ACCEPTED, PEOPLE, within_s=40)
        assert first.poll() is None
        assert [row.name.partition("/")[2] for row in Worker.select()] == ["2"]
        filler.unlink()
        until(lambda: Worker.select().count() == 2, within_s=20, why="it sends again by itself")
