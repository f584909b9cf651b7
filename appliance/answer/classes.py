"""Which class is meant: from a number of our list, or as a person writes it.

Owns the numbers (101, 102, … so that none can be taken for a grade) and the reading of 「1年1組」「1-1」
「一の一」「ゆり組」"Grade 1 Class 1". Refuses to guess: what fits two classes fits none. Cannot fail.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from appliance.answer.words import plain
from appliance.models import SchoolClass

FIRST = 101
_KANJI = str.maketrans("一二三四五六七八九", "123456789")
_DIGITS = re.compile(r"[0-9]+")
_FILLERS = re.compile(
    r"年生|年|組み|くみ|ぐみ|組|クラス|くらす|学年|の|第|grade|class|year|room|group|班|级|級|年级|학년|반|lớp|turma|série|baitang|कक्षा"
)


def numbered(classes: Sequence[SchoolClass]) -> list[tuple[int, SchoolClass]]:
    """The classes with the numbers that letters show."""
    return list(enumerate(classes, start=FIRST))


def match(text: str, classes: Sequence[SchoolClass]) -> SchoolClass | None:
    """The one class of these that is meant, or None."""
    written = plain(text).translate(_KANJI)
    if not written or len(written) > 60:
        return None
    if written.isascii() and written.isdigit() and len(written) == len(str(FIRST)):
        chosen = dict(numbered(classes)).get(int(written))
        if chosen is not None:
            return chosen
    for form in (_whole, _short, _label, _digits):
        fitting = [row for row in classes if form(row.grade, row.label) == form(text, "")]
        if form(text, "") and len(fitting) == 1:
            return fitting[0]
    return None


def _whole(grade: str, label: str) -> str:
    return plain(grade + label).translate(_KANJI)


def _short(grade: str, label: str) -> str:
    """「年長ゆり組」 as 「年長ゆり」, 「1年1組」 as 「11」 only where letters are left."""
    short = _FILLERS.sub("", _whole(grade, label))
    return "" if short.isdigit() else short


def _label(grade: str, label: str) -> str:
    """「ゆり組」 alone; a number alone would be a guess."""
    short = _FILLERS.sub("", plain(label or grade).translate(_KANJI))
    return "" if not short or short.isdigit() else short


def _digits(grade: str, label: str) -> str:
    """「1年2組」「1-2」「1の2」 as "1-2"; only where nothing but fillers stands around them."""
    text = f"{grade} {label}"
    numbers: Iterable[str] = (number.lstrip("0") for number in _DIGITS.findall(_spaced(text)))
    found = [number for number in numbers if number]
    left = _FILLERS.sub("", plain(text).translate(_KANJI)).replace("ー", "")
    return "-".join(found) if len(found) == 2 and left.isdigit() else ""


def _spaced(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_KANJI)
