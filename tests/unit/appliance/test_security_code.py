"""学校ID: a guardian types it from paper; a slip must be noticed before anything is looked up."""

import pytest

from appliance.security_code import ALPHABET, LENGTH, is_shaped, mint

CODES = [mint() for _ in range(20)] + ["22222222"]


@pytest.mark.parametrize("code", CODES, ids=range(len(CODES)))
def test_every_single_slip_is_noticed(code: str) -> None:
    slips = [
        code[:place] + other + code[place + 1 :]
        for place in range(LENGTH)
        for other in ALPHABET
        if other != code[place]
    ]
    assert [slip for slip in slips if is_shaped(slip)] == []


@pytest.mark.parametrize("code", CODES, ids=range(len(CODES)))
def test_every_swap_of_two_neighbours_is_noticed(code: str) -> None:
    swaps = [
        code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        for place in range(LENGTH - 1)
        if code[place] != code[place + 1]
    ]
    assert [swap for swap in swaps if is_shaped(swap)] == []


def test_a_printed_code_is_taken_in_capitals_too() -> None:
    code = mint()
    assert is_shaped(code)
    assert is_shaped(code.upper())


def test_no_character_is_taken_for_another() -> None:
    assert not set("il1o0") & set(ALPHABET)
    assert len(ALPHABET) == 31


@pytest.mark.parametrize(
    "text", ["", "postmaster", "2222222", "222222222", "é" * 8, "２２２２２２２２", "        "]
)
def test_other_local_parts_are_no_code(text: str) -> None:
    assert not is_shaped(text)
