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


TOWN = KNOWN | {"わかば幼稚園", "わかば", "Wakaba", "桜ヶ丘特別支援学校", "桜ヶ丘", "Sakuragaoka"}


@pytest.mark.parametrize(
    "password",
    [
        "みどりだいいちしょうがっこう",
        "ミドリダイイチショウガッコウ",
        "ﾐﾄﾞﾘﾀﾞｲｲﾁｼｮｳｶﾞｯｺｳ",
        "midori-daiiti-syougakkou",
        "midori-daiichi-shogakko",
        "Midori-Dai1-Shougakkou",
        "わかばようちえんせんせい",
        "wakaba-youtien-2026",
        "wakaba-yochien-2026",
        "さくらがおかとくべつしえん",  # the reading of 桜ヶ丘, as its English name spells it
        "桜ケ丘支援学校二年三組",  # with the other ケ
        "とくべつしえんがっこう２６",
        "tokubetusiengakkou1",
        "しょくいんしつぱすわーど",
        "みどりくきょういくいいんかい",
    ],
)
def test_a_school_is_found_however_its_name_is_typed(password: str) -> None:
    assert guessable(password, TOWN)


@pytest.mark.parametrize(
    "password",
    [
        "みどり小令和八年度一学期",
        "みどり小学校二〇二六年四月",
        "令和八年四月八日水曜日",
        "みどりだいいちしょう2026",
        "みどりだいいちしょう５ねん２くみ",
        "れいわはちねんどいちがっき",
        "れいわ8ねん4がつ8にち",
        "にせんにじゅうろくねんしがつ",
        "reiwa8nen4gatsu8nichi",
        "gatsu4nichi8reiwa8",
        "reiwa-hachi-nendo-ichigakki",
        "ぱすわーどれいわはちねん",
    ],
)
def test_a_year_a_term_and_a_day_are_found_in_every_way_to_write_a_number(password: str) -> None:
    assert guessable(password, TOWN)


@pytest.mark.parametrize(
    "password",
    [
        "ゆうやけのさかみちでねこにあう",
        "ネコガコタツデネテイルヒル",
        "おじいさんのじてんしゃはあおい",
        "なつやすみにかぶとむしをつかまえた",
        "はちみつレモンとすいかのたね",  # 八 in a word that is no number
        "みどりのかぜがほほをなでる",
        "一番星が川の上に光っている",
        "三毛猫が七匹ならんで寝る",
        "坂の上の雲より高い凧",
        "takenoko-gohan-to-misoshiru",
        "yonaka-no-ramen-wa-umai",
        "twelve-quiet-lanterns",
        "seven otters juggle lemons",
        "my-bicycle-has-rusty-wheels",
    ],
)
def test_a_long_sentence_is_taken_in_kana_kanji_romaji_and_english(password: str) -> None:
    assert not guessable(password, TOWN)


def test_the_longest_password_is_judged_at_once() -> None:
    """Nothing in the rules grows with every way to cut a row of digits into numbers."""
    assert guessable("1" * 200, TOWN)
