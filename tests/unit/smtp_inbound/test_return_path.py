"""Return paths come back as they went out, for some weeks, and nobody else can write one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp import return_path
from smtp.return_path import ReturnPathExpired, ReturnPathForged

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
IDS = st.integers(0, 2**56 - 1)
MADE = datetime(2026, 4, 8, 23, 59, tzinfo=UTC)
GOLDEN = "b4vieoaaaaaaaaethq4ca6roruksduyx4"


def read(key: bytes, text: str, *, days: float = 0) -> int:
    return return_path.read(key, text, now=MADE + timedelta(days=days), life_days=45)


@given(IDS)
def test_it_comes_back_in_any_case(delivery_id: int) -> None:
    local_part = return_path.mint(KEY, delivery_id, MADE)
    assert local_part == local_part.lower()
    assert local_part.isalnum()
    assert len(local_part) <= 64
    assert return_path.is_shaped(local_part)
    assert read(KEY, local_part) == delivery_id
    assert read(KEY, local_part.upper()) == delivery_id


def test_a_retry_on_another_day_leaves_under_the_same_path() -> None:
    """The day is the delivery's, not the attempt's: greylisting wants the same sender again."""
    assert return_path.mint(KEY, 7, MADE) == return_path.mint(KEY, 7, MADE - timedelta(hours=23))
    assert return_path.mint(KEY, 7, MADE) != return_path.mint(KEY, 7, MADE + timedelta(minutes=1))


@pytest.mark.parametrize("days", [-1, 0, 1, 45])
def test_it_lives_for_its_days(days: float) -> None:
    assert read(KEY, return_path.mint(KEY, 7, MADE), days=days) == 7


@pytest.mark.parametrize("days", [46, 400, 40000])
def test_then_it_is_over(days: float) -> None:
    with pytest.raises(ReturnPathExpired):
        read(KEY, return_path.mint(KEY, 7, MADE), days=days)


def test_a_forged_one_is_forged_whatever_its_age() -> None:
    with pytest.raises(ReturnPathForged):
        read(OTHER, return_path.mint(KEY, 7, MADE), days=400)


@given(IDS)
def test_another_key_does_not_open_it(delivery_id: int) -> None:
    with pytest.raises(ReturnPathForged):
        read(OTHER, return_path.mint(KEY, delivery_id, MADE))


@given(IDS, st.integers(1, 32), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_changed_character_is_noticed(delivery_id: int, place: int, character: str) -> None:
    good = return_path.mint(KEY, delivery_id, MADE)
    changed = good[:place] + character + good[place + 1 :]
    if changed != good:
        with pytest.raises(ReturnPathForged):
            read(KEY, changed)


@given(st.text(max_size=40) | st.text("abcdefghij234567", min_size=33, max_size=33))
def test_anything_else_is_forged(text: str) -> None:
    with pytest.raises(ReturnPathForged):
        read(KEY, text)


def test_what_was_written_before_is_still_read() -> None:
    assert read(KEY, GOLDEN) == 4711
    assert return_path.mint(KEY, 4711, MADE) == GOLDEN
