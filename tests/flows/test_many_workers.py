"""Six workers, one queue: real processes claim side by side, and nobody gets what another has.

The classic fault (an UPDATE over a sub-select with LIMIT) claims one row twice under PostgreSQL; it shows
only with real processes at full speed.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from appliance import clock, db, delivery
from appliance.config import Config
from appliance.delivery import Kind, Outcome
from appliance.models import Delivery
from tests.flows.ward import SITES, Ward, found, result, states, take
from tests.support.settings import settings

ROOT = Path(__file__).resolve().parents[2]

# Waits for a line, so that all start at one moment; claims until nothing is left; tells what it got.
WORKER = """
import pathlib, sys
from appliance import clock, config, db, delivery
from appliance.delivery import Kind, Outcome, Result
settings, name = config.load(pathlib.Path(sys.argv[1])), sys.argv[2]
db.connect(settings)
delivery.sites_waiting(clock.now())
print("ready", flush=True)
sys.stdin.readline()
got, accepted = [], Outcome(Kind.ACCEPTED, 250, "2.0.0")
while sites := delivery.sites_waiting(clock.now()):
    for site, _ in sites:
        claimed = delivery.claim(name, site, limit=25, lease_s=60, now=clock.now())
        got += [row.id for row in claimed]
        now = clock.now()
        results = [Result(row.id, row.token, row.lane, row.attempts, name, accepted, now) for row in claimed]
        settled = delivery.settle(results) if results else None
        assert settled is None or settled.lost == 0, settled
print(" ".join(map(str, got)))
"""


def race(config_path: Path, workers: int) -> list[list[int]]:
    """What each of the workers claimed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, config_path, f"w{number}"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(workers)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=90) for process in processes]
        assert [process.returncode for process in processes] == [0] * workers, told
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
    return [[int(word) for word in out.split()] for out, _ in told]


@pytest.mark.slow
@pytest.mark.postgres
def test_six_processes_on_postgresql_claim_four_thousand_once_each(
    postgres_url: str, tmp_path: Path, secrets: Path
) -> None:
    _race_and_count(settings(tmp_path, postgres_url, secrets=secrets), tmp_path, workers=6, count=4000)


@pytest.mark.slow
def test_three_processes_on_sqlite_claim_twelve_hundred_once_each(
    sqlite_url: str, tmp_path: Path, secrets: Path
) -> None:
    _race_and_count(settings(tmp_path, sqlite_url, secrets=secrets), tmp_path, workers=3, count=1200)


def _race_and_count(config: Config, folder: Path, *, workers: int, count: int) -> None:
    db.connect(config)
    try:
        found(config).broadcast_to(count)
        shares = race(folder / "karamail.toml", workers)
        times = Counter(row for share in shares for row in share)
        assert len(times) == count
        assert {row for row, often in times.items() if often > 1} == set()
        assert sum(1 for share in shares if share) > 1, "one worker did it all: nothing was tested"
        assert states() == {"accepted": count}
        assert {row.attempts for row in Delivery.select(Delivery.attempts).distinct()} == {1}
    finally:
        db.vanish()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that reaches the database while the test looks."""
    heard: list[str] = []
    real = type(db.database.obj).execute_sql if db.database.obj else None
    assert real is not None, "ask for the ward first"

    def listening(self: object, sql: str, *rest: object, **more: object) -> object:
        heard.append(sql)
        return real(self, sql, *rest, **more)

    monkeypatch.setattr(type(db.database.obj), "execute_sql", listening)
    return heard


@pytest.mark.parametrize("count", [10, 1000])
def test_sending_costs_the_same_statements_for_ten_and_for_a_thousand(
    ward: Ward, statements: list[str], count: int
) -> None:
    ward.many(count)
    written = ward.draft()
    statements.clear()
    assert ward.send(written, shown=count) == count
    assert len(statements) <= 12, "\n".join(statements)


def test_a_claim_and_a_commit_of_five_hundred_are_a_handful_of_statements(
    ward: Ward, statements: list[str]
) -> None:
    ward.broadcast_to(500, sites=SITES[:1])
    statements.clear()
    claimed = take("w1", SITES[0], 500)
    assert len(claimed) == 500
    assert delivery.settle([result(row, Outcome(Kind.ACCEPTED, 250, "2.0.0")) for row in claimed]).lost == 0
    assert len(statements) <= 8, "\n".join(statements)


def test_five_hundred_deferrals_are_written_in_few_statements(ward: Ward, statements: list[str]) -> None:
    ward.broadcast_to(500, sites=SITES[:1])
    claimed = take("w1", SITES[0], 500)
    statements.clear()
    delivery.settle([result(row, Outcome(Kind.DEFERRED, 451, "4.3.0")) for row in claimed])
    assert len(statements) <= 20, "\n".join(statements)


def test_counting_and_looking_at_a_queue_of_thousands_are_three_statements(
    ward: Ward, statements: list[str]
) -> None:
    written = ward.broadcast_to(2000)
    statements.clear()
    delivery.progress(written.id)
    delivery.sites_waiting(clock.now())
    assert len(statements) == 3
