"""The short form in the reply mail, as people fill it in.

Owns its labels in all languages and the reading of an answer: labels kept or deleted, typed above or into the
quoted text, digits and colons of any width, a value on the next line, three bare lines. Refuses to guess at
fewer or more than three bare lines. Names are judged by `appliance.names`, classes by `answer.classes`. Never
fails; what was not understood is None. The text read here is kept nowhere.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from appliance import names
from appliance.answer import classes as school_classes
from appliance.answer import words
from appliance.answer.words import plain
from appliance.errors import NameInvalid
from appliance.models import SchoolClass

FIELDS = ("school_class", "child_name", "guardian_name")
_BY_LABEL = {word: name for name, word in words.named("label:")}
_CIRCLED = {ord("①"): "1) ", ord("②"): "2) ", ord("③"): "3) "}
_LINES_MAX = 200
_NUMBER = re.compile(r"\A[(\[]?([123])[)\].:、,\s]+(?=\S)(.*)\Z", re.DOTALL)
_ITEM = re.compile(r"\A[(\[]?[1-9][)\].、]?\s*")
_SEPARATOR = re.compile(r"[:=→\t]")


@dataclass(frozen=True, slots=True)
class Form:
    """What was understood. Never shows names."""

    school_class_id: int | None
    child_name: str | None = field(repr=False)
    guardian_name: str | None = field(repr=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields to be asked for again, in their order."""
        values = (self.school_class_id, self.child_name, self.guardian_name)
        return tuple(name for name, value in zip(FIELDS, values, strict=True) if value is None)


def read(text: str, quoted: str, classes: Sequence[SchoolClass], names_max: int) -> Form:
    """The form from what was newly written, else from what was typed into the quoted letter."""
    written = _fields(_lines(text), classes)
    if len(written) < len(FIELDS):
        written = _typed_into_quote(_lines(quoted)) | written
    chosen = school_classes.match(written.get("school_class", ""), classes)
    return Form(
        chosen.id if chosen is not None else None,
        _name(written.get("child_name", ""), "child_name", names_max),
        _name(written.get("guardian_name", ""), "guardian_name", names_max),
    )


def _name(text: str, name: str, names_max: int) -> str | None:
    try:
        return names.clean(text, name, names_max)
    except NameInvalid:
        return None


def _lines(text: str) -> list[str]:
    lines = (line.translate(_CIRCLED) for line in text.splitlines()[:_LINES_MAX])
    return [line for line in (unicodedata.normalize("NFKC", line).strip() for line in lines) if line]


def _fields(lines: Iterable[str], classes: Sequence[SchoolClass]) -> dict[str, str]:
    found: dict[str, str] = {}
    bare: list[str] = []
    waiting = ""
    for line in lines:
        name, value = _labelled(line)
        if name and value:
            found.setdefault(name, value)
            waiting = ""
        elif name:
            waiting = name
        elif waiting:
            found.setdefault(waiting, line)
            waiting = ""
        else:
            bare.append(line)
    if found:
        return found
    if len(bare) == 1:
        bare = [part.strip() for part in re.split(r"[、,/]", bare[0])]
    if len(bare) != len(FIELDS):
        return {}
    return dict(
        zip(FIELDS, (_unnumbered(line, place, classes) for place, line in enumerate(bare)), strict=True)
    )


def _labelled(line: str) -> tuple[str, str]:
    """Field and value of a line with a label, ("", "") of one without."""
    item = _ITEM.sub("", line)
    separator = _SEPARATOR.search(item)
    if separator is not None:
        name = _BY_LABEL.get(plain(item[: separator.start()]))
        if name is not None:
            return name, item[separator.end() :].strip()
    if (name := _BY_LABEL.get(plain(item))) is not None:
        return name, ""
    label, _, value = item.partition(" ")
    if value and (name := _BY_LABEL.get(plain(label))) is not None:
        return name, value.strip()
    return "", ""


def _unnumbered(line: str, place: int, classes: Sequence[SchoolClass]) -> str:
    """A bare line without the number of its item: 「1) 1年1組」; 「1 年 1 組」 has none."""
    numbered = _NUMBER.match(line)
    if numbered is None or int(numbered[1]) != place + 1:
        return line
    if place == 0 and school_classes.match(line, classes) is not None:
        return line
    return numbered[2].strip()


def _typed_into_quote(lines: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, value = _labelled(line)
        if name and value and _SEPARATOR.search(line):
            found.setdefault(name, value)
    return found
