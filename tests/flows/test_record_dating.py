"""What records say of their own time: both verifiers find the same; a person's word clears what was there."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from appliance import clock, db
from appliance.config import Config
from appliance.errors import OperatorError
from appliance.models import Audit
from appliance.models.fields import micros
from appliance.record import dating, standing, verify
from appliance.record.verify import Kind
from tests.flows.test_record import act, lines, sealed
from tests.flows.test_record_tampering import office

YEAR_33 = micros(datetime(33, 1, 1, tzinfo=UTC))
YEAR_999 = micros(datetime(999, 12, 31, tzinfo=UTC))
DATED = {
    "the number of no year at all": (-(10**18), Kind.BACKDATED),
    "before the year 1": (-62_135_596_800_000_001, Kind.BACKDATED),
    "the year 33": (YEAR_33, Kind.BACKDATED),
    "the year 999": (YEAR_999, Kind.BACKDATED),
    "the year 2000": (micros(datetime(2000, 1, 1, tzinfo=UTC)), Kind.BACKDATED),
    "the year 9999": (micros(datetime(9999, 12, 31, tzinfo=UTC)), Kind.AHEAD),
    "the year 11500": (300_000_000_000_000_000, Kind.AHEAD),
    "the year 33658": (10**18, Kind.AHEAD),
}


@pytest.fixture
def record(database: Config) -> Config:
    """Three acts, sealed."""
    act(3)
    sealed(database)
    return database


def write_dated(at: int) -> None:
    """A record as somebody writes it who has taken over a site."""
    row = Audit.select().dicts().get()
    del row["id"]
    written = Audit.insert(**row).execute()
    db.statement("UPDATE audit SET at = ? WHERE id = ?", at, written)


def kinds(config: Config) -> tuple[set[Kind], int]:
    """What the appliance finds, and how the ward's own program ends."""
    report = verify.verify(config)
    return set(report.beside), office(config).returncode


@pytest.mark.parametrize(("at", "kind"), DATED.values(), ids=DATED)
def test_both_verifiers_say_the_same_of_a_record_of_any_time(record: Config, at: int, kind: Kind) -> None:
    write_dated(at)
    act()
    sealed(record)
    assert kinds(record) == ({kind}, 3)


@pytest.mark.parametrize("minutes", [-58, 0, 58])
def test_clocks_that_differ_by_less_than_an_hour_are_no_difference(record: Config, minutes: int) -> None:
    write_dated(micros(clock.now() + timedelta(minutes=minutes)))
    sealed(record)
    assert kinds(record) == (set(), 0)


def test_a_record_dated_ahead_is_named_by_both(record: Config) -> None:
    write_dated(micros(clock.now() + timedelta(days=30)))
    sealed(record)
    difference = verify.verify(record).difference
    assert difference is not None
    assert (difference.kind, difference.position) == (Kind.AHEAD, 3)
    assert "place 3 has a time after the checkpoint that it was sealed under" in office(record).stdout


def test_a_year_is_sealed_in_four_digits(record: Config) -> None:
    write_dated(YEAR_33)
    sealed(record)
    assert b'"at":"0033-01-01T00:00:00.000000Z"' in lines()[-1]


def looked_at(record: Config, first: int, last: int) -> None:
    """Somebody looks, and from then on both verifiers only count."""
    dating.examine(first, last)
    sealed(record)
    report = verify.verify(record)
    assert (report.difference, report.examined) == (None, last - first + 1)
    assert office(record).returncode == 0


@pytest.mark.parametrize("days", [-2, 30], ids=["back", "ahead"])
def test_where_somebody_has_looked_it_is_counted_and_no_alarm(record: Config, days: int) -> None:
    write_dated(micros(clock.now() + timedelta(days=days)))
    sealed(record)
    looked_at(record, 3, 3)


def test_nobody_looks_at_a_place_that_is_not_sealed_yet(record: Config) -> None:
    with pytest.raises(OperatorError, match="place 3 is not sealed yet"):
        dating.examine(3, 3)
    with pytest.raises(OperatorError, match="place 3 is not sealed yet"):
        dating.examine(0, 3)
    assert Audit.select().count() == 3


def test_a_look_ahead_that_was_written_all_the_same_clears_nothing(record: Config) -> None:
    """By somebody who writes as the command line, before the record that it shall clear."""
    row = Audit.select().dicts().get() | {"zone": "cli", "act": "record.examined", "object_id": 4}
    del row["id"]
    Audit.insert(**row).execute()
    sealed(record)
    write_dated(micros(clock.now() - timedelta(days=2)))
    sealed(record)
    assert kinds(record) == ({Kind.BACKDATED}, 3)


def test_a_look_counts_when_it_is_sealed(record: Config) -> None:
    write_dated(micros(clock.now() - timedelta(days=2)))
    sealed(record)
    dating.examine(3, 3)
    assert kinds(record) == ({Kind.BACKDATED}, 3)


def test_what_was_written_under_a_wrong_clock_is_examined_from_first_to_last(record: Config) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=9), tick=True):
        act(2)
        sealed(record)
    act(5)
    sealed(record)
    difference = verify.verify(record).difference
    assert difference is not None
    assert (difference.position, difference.last, difference.many) == (5, 9, 5)
    looked_at(record, 5, 9)


def test_what_was_dated_back_a_moment_ago_has_not_waited_since_then(record: Config) -> None:
    """The next round seals it: no sealer stands still."""
    write_dated(0)
    report = verify.verify(record)
    assert (report.difference, report.waiting) == (None, 1)
    assert standing.look(record, clock.now()).unsealed == 0


def test_it_has_waited_since_the_last_checkpoint(record: Config) -> None:
    write_dated(0)
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=True):
        found = standing.look(record, clock.now())
    assert (found.unsealed, found.oldest_at) == (1, found.last_at)


def test_the_last_place_is_not_before_the_first(record: Config) -> None:
    with pytest.raises(OperatorError, match="give the first, then the last"):
        dating.examine(2, 1)
