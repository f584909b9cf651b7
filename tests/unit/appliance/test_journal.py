"""The worker's journal: what a kill -9 leaves behind is read back; what was half written was never said."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.delivery import Journal, Kind, Outcome, Reason, Result, journal

NOW = datetime(2026, 4, 7, 21, 0, 0, 123456, tzinfo=UTC)
OUTCOMES = (
    Outcome(Kind.ACCEPTED, 250, "2.0.0"),
    Outcome(Kind.FAILED, 550, "", Reason.UNKNOWN_OR_FILTERED),
    Outcome(Kind.DEFERRED, 0, "", Reason.RESET, throttled=True),
    Outcome(Kind.DEFERRED, 0, "", Reason.TIMEOUT, uncertain=True),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "w1.journal"


@pytest.fixture
def written(path: Path) -> Iterator[Journal]:
    opened = Journal(path, "w1")
    yield opened
    opened.close()


def result(delivery_id: int, outcome: Outcome = OUTCOMES[0], token: int = 2**62 + 1) -> Result:
    return Result(delivery_id, token, 0, 1, "w1", outcome, NOW)


def successor(path: Path) -> journal.Replay:
    """What the next worker of that name finds."""
    opened = Journal(path, "w1")
    try:
        return opened.replay()
    finally:
        opened.close()


def test_every_kind_of_outcome_reads_back_as_itself(written: Journal, path: Path) -> None:
    results = [result(number, outcome) for number, outcome in enumerate(OUTCOMES, start=1)]
    for each in results:
        written.committing(each.delivery_id, each.token)
        written.outcome(each)
    found = successor(path)
    assert found.results == results
    assert found.uncertain == set()


def test_a_body_on_its_way_without_a_reply_is_uncertain(written: Journal, path: Path) -> None:
    written.committing(7, 70)
    written.committing(8, 80)
    written.outcome(result(8))
    assert successor(path).uncertain == {7}


def test_a_second_attempt_on_its_way_is_uncertain_whatever_the_first_came_to(
    written: Journal, path: Path
) -> None:
    written.committing(7, 70)
    written.outcome(result(7, OUTCOMES[2], token=70))
    written.committing(7, 71)
    found = successor(path)
    assert found.uncertain == {7}
    assert [each.token for each in found.results] == [70]


def test_wherever_the_file_breaks_off_the_whole_lines_count(written: Journal, path: Path) -> None:
    for number in (1, 2):
        written.committing(number, 10 + number)
        written.outcome(result(number))
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        found = successor(path)
        lines = whole[:length].count(b"\n")
        assert len(found.results) == lines // 2
        assert found.uncertain == ({lines // 2 + 1} if lines % 2 else set())


@pytest.mark.parametrize(
    "torn", [b"\0" * 40, b"O 5 x", b"C 1 \0\0", b"O 1 2 0 1 accepted 250", b"\xff\xfe", b""]
)
def test_a_torn_line_in_the_middle_hides_nothing_around_it(written: Journal, path: Path, torn: bytes) -> None:
    written.committing(1, 10)
    with path.open("ab") as file:
        file.write(torn + b"\n")
    written.outcome(result(2))
    found = successor(path)
    assert [each.delivery_id for each in found.results] == [2]
    assert found.uncertain == {1}


def test_an_outcome_that_cannot_be_read_leaves_its_delivery_uncertain(written: Journal, path: Path) -> None:
    written.committing(1, 10)
    with path.open("ab") as file:
        file.write(b"O 1 10 0 1 acc\0pted 250 2.0.0 - 0 0 17\n")
    assert successor(path) == journal.Replay([], {1})


def test_a_journal_that_is_not_there_is_empty(path: Path) -> None:
    assert successor(path) == journal.Replay([], set())


def test_after_a_replay_was_committed_nothing_is_left(written: Journal, path: Path) -> None:
    written.committing(1, 10)
    written.clear()
    assert path.stat().st_size == 0
    written.committing(2, 20)
    assert successor(path).uncertain == {2}


def test_a_long_journal_is_cut_and_keeps_what_is_not_yet_committed(
    written: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_CUT_ABOVE_BYTES", 2000)
    for number in range(1, 101):
        written.committing(number, number)
        written.outcome(result(number))
    written.committing(500, 5)
    long = path.stat().st_size
    written.settled(waiting=[result(99), result(100)])
    assert path.stat().st_size < long / 10
    found = successor(path)
    assert [each.delivery_id for each in found.results] == [99, 100]
    assert found.uncertain == {500}
    written.outcome(result(500))
    assert successor(path).uncertain == set()


def test_a_short_journal_is_left_alone(written: Journal, path: Path) -> None:
    written.outcome(result(1))
    before = path.read_bytes()
    written.settled(waiting=[])
    assert path.read_bytes() == before


def test_nobody_else_reads_it_and_it_holds_numbers_and_closed_words(written: Journal, path: Path) -> None:
    written.committing(1, 10)
    written.outcome(result(1, OUTCOMES[1]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"@" not in path.read_bytes()


@contextmanager
def full_after(path: Path, octets: int) -> Iterator[None]:
    """The file may grow by so much and no more, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_outcome_that_the_disk_refused_leaves_its_delivery_open(written: Journal, path: Path) -> None:
    written.committing(7, 70)
    with full_after(path, 5), pytest.raises(OSError, match="File too large"):
        written.outcome(result(7))
    assert written.open_ids == {7}
    assert successor(path).uncertain == {7}
    written.outcome(result(7))
    assert written.open_ids == set()


def test_half_a_line_on_a_full_disk_does_not_swallow_the_next_one(written: Journal, path: Path) -> None:
    line = len(path.read_bytes())
    written.committing(7, 70)
    line = len(path.read_bytes()) - line
    for room in range(1, line):
        with full_after(path, room), pytest.raises(OSError, match="File too large"):
            written.committing(8, 80)
        written.committing(9, 90)
        written.outcome(result(9))
    assert written.open_ids == {7}
    assert successor(path).uncertain == {7}
    assert {each.delivery_id for each in successor(path).results} == {9}


def test_a_look_for_room_leaves_what_was_written(written: Journal, path: Path) -> None:
    written.committing(7, 70)
    before = path.read_bytes()
    with full_after(path, 100), pytest.raises(OSError, match="space"):
        written.need_room()
    assert path.read_bytes() == before
    written.need_room()
    assert path.read_bytes() == before
    written.outcome(result(7, token=70))
    assert successor(path).results == [result(7, token=70)]
