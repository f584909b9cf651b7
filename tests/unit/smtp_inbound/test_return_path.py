"""Return paths come back as they went out, and nobody else can write one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp import return_path
from smtp.return_path import ReturnPathForged

KEY = bytes(range(32))
GOLDEN = "b4uaaaaaaaaabez7fqdrot6bam2x26ke5"
OTHER = bytes(range(1, 33))
IDS = st.integers(0, 2**63 - 1)


@given(IDS)
def test_it_comes_back_in_any_case(delivery_id: int) -> None:
    local_part = return_path.mint(KEY, delivery_id)
    assert local_part == local_part.lower()
    assert local_part.isalnum()
    assert len(local_part) <= 64
    assert return_path.is_shaped(local_part)
    assert return_path.read(KEY, local_part) == delivery_id
    assert return_path.read(KEY, local_part.upper()) == delivery_id


@given(IDS)
def test_another_key_does_not_open_it(delivery_id: int) -> None:
    with pytest.raises(ReturnPathForged):
        return_path.read(OTHER, return_path.mint(KEY, delivery_id))


@given(IDS, st.integers(1, 32), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_changed_character_is_noticed(delivery_id: int, place: int, character: str) -> None:
    good = return_path.mint(KEY, delivery_id)
    changed = good[:place] + character + good[place + 1 :]
    if changed != good:
        with pytest.raises(ReturnPathForged):
            return_path.read(KEY, changed)


@given(st.text(max_size=40) | st.text("abcdefghij234567", min_size=33, max_size=33))
def test_anything_else_is_forged(text: str) -> None:
    with pytest.raises(ReturnPathForged):
        return_path.read(KEY, text)


def test_what_was_written_last_year_is_still_read() -> None:
    assert return_path.read(KEY, return_path.mint(KEY, 4711)) == 4711
    assert return_path.mint(KEY, 4711) == GOLDEN
