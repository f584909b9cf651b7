"""Names as guardians write them: what is put right silently, and what is refused with which word."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import NameInvalid
from appliance.names import clean

LONGEST = 60


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("山田 花子", "山田 花子"),
        ("  山田　　花子 ", "山田 花子"),
        ("髙﨑 翔", "髙﨑 翔"),
        ("葛\U000e0100城 司", "葛\U000e0100城 司"),  # an ideographic variation stays
        ("か\u3099く", "がく"),
        ("O'Brien Anne-Marie", "O'Brien Anne-Marie"),
        ("マリア・サントス", "マリア・サントス"),
        ("नेपा\u200dली", "नेपा\u200dली"),
    ],
)
def test_a_name_is_kept_as_its_owner_writes_it(written: str, kept: str) -> None:
    assert clean(written, "child_name", LONGEST) == kept


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        (" 　\t\n", "empty"),
        ("花" * 200, "too_long"),
        ("花" * 61, "too_long"),
        ("山田\0花子", "control"),
        ("山田\x1f花子", "control"),
        ("山田\x1b[31m花子", "control"),
        ("\u202e子花", "control"),
        ("山田\u200b花子", "control"),
        ("山田\u2028花子", "control"),
        ("山田\ud800", "control"),
        ("hanako@docomo.ne.jp", "not_a_name"),
        ("https://evil.example", "not_a_name"),
        ("<b>花子</b>", "not_a_name"),
        ("12345", "not_a_name"),
        ("・・・", "not_a_name"),
    ],
)
def test_what_is_no_name_is_refused_with_its_field_and_reason(written: str, reason: str) -> None:
    with pytest.raises(NameInvalid) as refusal:
        clean(written, "guardian_name", LONGEST)
    assert (refusal.value.field, refusal.value.reason) == ("guardian_name", reason)


def test_the_refusal_does_not_repeat_the_name() -> None:
    with pytest.raises(NameInvalid) as refusal:
        clean("山田花子@", "child_name", LONGEST)
    assert "山田" not in str(refusal.value)


def test_sixty_characters_are_a_name() -> None:
    assert clean("花" * 60, "child_name", LONGEST) == "花" * 60


@given(st.text(max_size=80))
def test_a_kept_name_is_one_line_in_normal_form_and_cleaning_it_again_changes_nothing(text: str) -> None:
    try:
        name = clean(text, "child_name", LONGEST)
    except NameInvalid:
        return
    assert 0 < len(name) <= LONGEST
    assert not any(unicodedata.category(character) == "Cc" for character in name)
    assert clean(name, "child_name", LONGEST) == name
