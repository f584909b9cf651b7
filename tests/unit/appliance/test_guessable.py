"""What a stranger guesses who knows the school, and what nobody guesses."""

import pytest

from appliance.account.guessable import guessable

KNOWN = {
    "みどり第一小学校", "みどり第一", "みどり", "Midori", "Daiichi", "Elementary", "School", "みどり区",
    "kocho", "校長 森 一郎", "mk7w3x9qd",
}  # fmt: skip


@pytest.mark.parametrize(
    "password",
    [
        "midori-shougakkou-2026",  # the school and the year
        "Midori2026Daiichi!",
        "みどり第一小学校２０２６",
        "midori-dai1-shou-r8",
        "kocho-kocho-2026!!",  # one's own id
        "森一郎1965森一郎",  # one's own name
        "mk7w3x9qd-2026",  # the code on the handout that every family has
        "P@ssw0rd2026!",
        "Sakura-2026-Haru",
        "qwertyuiop123456",
        "abcdefghijklmnop",
        "0312345678-0312",  # a telephone number
        "aaaaaaaaaaaaaaaa",
        "reiwa8nendo-gakkou",
        "令和8年度みどり小学校",
        "いいいいいいいいいいいい",
        "            ",
        "michaeljordan23",  # from the lists of leaked passwords
        "unbelievable1234",
        "thunderbird77",
        "elizabeth199012",
    ],
)
def test_what_can_be_looked_up_is_guessable(password: str) -> None:
    assert guessable(password, KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "ajisai-no-saku-michi-7",
        "kumo-ga-nagareru-oka-5",
        "夕焼けの坂道で猫に会う",
        "correct horse battery staple",
        "xK9!vQ2#tRw7",
        "wvwm-dkyu-29v4-4emj",  # as `karamail account add` makes them
        "midori-no-kaze-ga-hoho-wo-naderu",  # the school's name in a sentence of one's own
    ],
)
def test_a_sentence_of_one_s_own_is_not(password: str) -> None:
    assert not guessable(password, KNOWN)


def test_the_same_words_will_do_where_no_school_is_called_so() -> None:
    assert not guessable("tsukimisou-3", set())
    assert guessable("tsukimisou-3", {"Tsukimisou"})
