"""One spelling for all ways in which Japanese is typed, so that a known word is found in each of them.

Owns two steps. `folded`: width and case, katakana as hiragana, 漢数字 as digits. `read_aloud`: kana as Latin
letters, and one romaji for Hepburn and kunrei, with long vowels written as short ones: しょうがっこう,
ｼｮｳｶﾞｯｺｳ, shougakkou, shogakko and syougakkou are all syogakko. Refuses to read 漢字, for which it has no
dictionary: they stay as they are. What it makes is for comparing only; English suffers by it. Cannot fail.
"""

import re
import unicodedata

_NUMERALS = str.maketrans(
    {**{numeral: str(n) for n, numeral in enumerate("〇一二三四五六七八九")}, "零": "0", "十": "10"}
)
_TO_HIRAGANA = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}
_COLUMNS = {
    "": "あいうえお", "k": "かきくけこ", "g": "がぎぐげご", "s": "さしすせそ", "z": "ざじずぜぞ",
    "t": "たちつてと", "d": "だぢづでど", "n": "なにぬねの", "h": "はひふへほ", "b": "ばびぶべぼ",
    "p": "ぱぴぷぺぽ", "m": "まみむめも", "r": "らりるれろ",
}  # fmt: skip
_LETTERS = str.maketrans(
    {
        kana: consonant + "aiueo"[at]
        for consonant, column in _COLUMNS.items()
        for at, kana in enumerate(column)
    }
    | {
        "や": "ya",
        "ゆ": "yu",
        "よ": "yo",
        "わ": "wa",
        "を": "o",
        "ん": "n",
        "ぢ": "zi",
        "づ": "zu",
        "ゔ": "bu",
    }
    | {"ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o", "ゕ": "ka", "ゖ": "ke", "ー": ""}
    | dict(zip("āīūēōâîûêô", "aiueoaiueo", strict=True))
)
_SMALL_Y = (("iゃ", "ya"), ("iゅ", "yu"), ("iょ", "yo"))
_SMALL_TU = re.compile(r"っ([a-z])")
_HEPBURN = (
    ("cch", "tch"), ("chi", "ti"), ("ch", "ty"), ("tsu", "tu"), ("shi", "si"), ("sh", "sy"),
    ("ji", "zi"), ("jy", "zy"), ("j", "zy"), ("fu", "hu"), ("n'", "n"), ("nn", "n"),
)  # fmt: skip
_N_AS_M = re.compile(r"m(?=[bpm])")
_LONG = re.compile(r"([aeou])\1+|(o)u")


def folded(text: str) -> str:
    """The same text in one width and case, in hiragana, with digits for 漢数字."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain.translate(_TO_HIRAGANA).translate(_NUMERALS)


def read_aloud(text: str) -> str:
    """A `folded` text in one romaji, as far as its letters say how it is read."""
    letters = text.translate(_LETTERS)
    for written, meant in _SMALL_Y:
        letters = letters.replace(written, meant)
    letters = _SMALL_TU.sub(r"\1\1", letters)
    for written, meant in _HEPBURN:
        letters = letters.replace(written, meant)
    return _LONG.sub(r"\1\2", _N_AS_M.sub("n", letters))
