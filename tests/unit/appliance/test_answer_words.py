"""A word or two in nine languages mean one thing each; a sentence of one's own means none of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.answer import words
from appliance.answer.words import Intent
from appliance.language import Language

ENTRIES = [
    (name, word)
    for name, _, listed in words.lines()
    for word in listed
    if not name.startswith(("label:", "ending", "courtesy"))
]
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


def test_no_word_has_two_meanings() -> None:
    meanings: dict[str, set[str]] = {}
    for name, word in ENTRIES:
        meanings.setdefault(words.plain(word), set()).add(name)
    assert {word: names for word, names in meanings.items() if len(names) > 1} == {}


def test_every_language_can_say_yes_leave_and_change_and_can_be_chosen() -> None:
    spoken = {(name, language) for name, language, _ in words.lines()}
    for language in set(Language) - {Language.EASY}:
        assert {("yes", language), ("withdraw", language), ("change", language)} <= spoken
        assert (
            words.meaning("", next(w for n, w in ENTRIES if n == f"language:{language}")).language == language
        )


@given(st.sampled_from(ENTRIES), st.sampled_from(["", "。", "!", "\n", "  ", "…", "です"]), st.booleans())
def test_width_case_and_punctuation_do_not_matter(entry: tuple[str, str], end: str, wide: bool) -> None:
    name, word = entry
    text = (word.upper() if word.upper().casefold() == word.casefold() else word) + end
    found = words.meaning("", text.translate(FULL_WIDTH) if wide else f"「{text}」")
    expected = name.partition(":")
    assert found.intent == expected[0]
    assert (found.language or "") == expected[2]


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_makes_it_fail(subject: str, text: str) -> None:
    assert words.meaning(subject, text).intent in Intent


@pytest.mark.parametrize(
    "text",
    [
        "解除の方法を教えてください", "停止線の前で待っています", "登録を解除しないでください",
        "やめるつもりはありません",
        "please do not unsubscribe me", "変更がありましたか?", "解除 確認 変更",
        "はい、解除と書いてありますが何のことですか",
        "明日は休みます。よろしくお願いします。", "new@x.jp", "解除 new@x.jp", "変更 a@x.jp b@x.jp",
    ],
)  # fmt: skip
def test_what_only_mentions_a_word_is_free_text(text: str) -> None:
    assert words.meaning("", text).intent is Intent.FREE


@pytest.mark.parametrize("text", ["", " \n", "。", "👍", "\u3000"])
def test_nothing_written_is_empty(text: str) -> None:
    assert words.meaning("Re: 【みどり小学校】休校のお知らせ", text).intent is Intent.EMPTY


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("解除", ""),
        ("Re: 解除", ""),
        ("休校", "登録解除\nよろしくお願いします"),
        ("", "解除してください。"),
        ("", "Please stop."),
    ],
)
def test_leaving_is_understood(subject: str, text: str) -> None:
    assert words.meaning(subject, text).intent is Intent.WITHDRAW


@pytest.mark.parametrize("text", ["変更 a..b@docomo.ne.jp", "アドレス変更\nａ..b＠docomo.ne.jp"])
def test_a_new_address_is_found_beside_its_word(text: str) -> None:
    found = words.meaning("", text)
    assert found.intent is Intent.CHANGE
    assert found.address is not None
    assert found.address.canonical == "a..b@docomo.ne.jp"
