"""One word, typed in the ways in which people type Japanese."""

import pytest

from appliance.account.spelling import folded, read_aloud


@pytest.mark.parametrize(
    "ways",
    [
        ("しょうがっこう", "ショウガッコウ", "ｼｮｳｶﾞｯｺｳ", "SHOUGAKKOU", "syougakkou", "shogakko", "shōgakkō"),
        ("ちゅうがっこう", "chuugakkou", "tyuugakkou", "chugakko", "chūgakkō"),
        ("ようちえん", "youchien", "youtien", "yochien"),
        ("だいいち", "ダイイチ", "daiichi", "daiiti"),
        ("しんぶん", "shimbun", "shinbun", "sinbun"),
        ("まっちゃ", "matcha", "maccha", "mattya"),
        ("めーる", "メール", "meeru", "meru"),
        ("じゅうじつ", "juujitsu", "zyuuzitu", "jūjitsu"),
        ("ふじつか", "fujitsuka", "huzituka"),
    ],
)
def test_every_way_is_read_alike(ways: tuple[str, ...]) -> None:
    assert len({read_aloud(folded(way)) for way in ways}) == 1


def test_numerals_are_digits_and_kanji_stay() -> None:
    assert read_aloud(folded("二〇二六年 ミドリ第一小学校")) == "2026年 midori第1小学校"


def test_a_small_and_a_large_ke_are_one() -> None:
    assert folded("桜ヶ丘") != folded("桜丘")
    assert read_aloud(folded("桜ヶ丘")) == read_aloud(folded("桜ケ丘"))
