"""The words of the letters, in nine languages.

Owns one folder per language with one text file per kind; the first line is the subject. A letter is written
in the reader's language and, beneath a line, once more in Japanese (a Japanese one in English), so that
somebody nearby can help. What a language lacks comes in English. `{…}` marks are filled with `str.format`.
Refuses names and addresses: a letter that goes to the wrong phone tells nothing. Fails when a mark is
missing; a test writes every letter in every language. A new language is a folder and a line in
`appliance.language`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files

from babel.dates import format_date

from appliance.answer.classes import numbered
from appliance.delivery.letters import LetterKind
from appliance.language import Language
from appliance.models import SchoolClass

FORM, FIELDS, BACK, LOGIN = "form", "fields", "back", "login_words"
MARKS = ("school", "school_en", "ward", "ward_en", "url", "hours", "inquiry")
"""What `write` is given; for the checkpoint also `smtp.checkpoint.marks`, for faults `smtp.faults.marks`.
The files also use {form}, {classes}, {missing}, {happened} and {day}, which it makes."""
RULE = "-" * 32
ABOVE = "↑"
"""Beneath the line the link is not repeated: one link, one tap."""
_WITH_FORM = (LetterKind.REPLY, LetterKind.ASK_AGAIN)
_CLASSES_MAX = 60
_CLASSES_PER_LINE = 3


@cache
def text_of(language: Language, name: str) -> str | None:
    """A file of a language, or None where it has none."""
    file = files(__name__).joinpath(language, f"{name}.txt")
    return file.read_text(encoding="utf-8").rstrip("\n") if file.is_file() else None


def spoken(language: Language, kind: LetterKind) -> tuple[Language, Language]:
    """In which two languages a letter goes out, the reader's first."""
    if text_of(language, kind) is None:
        language = Language.EN
    return language, Language.EN if language is Language.JA else Language.JA


def write(
    kind: LetterKind,
    language: str = Language.JA,
    *,
    about: str = "",
    classes: Sequence[SchoolClass] | None = None,
    **marks: str,
) -> tuple[str, str]:
    """Subject and text of a letter. Raises KeyError for a mark that was not given.

    `about`: the fields not understood, or what happened to a login, with commas; or the day that is meant.
    `classes`: those of the school; None leaves the short form out: answers cannot come encrypted here.
    """
    first, second = spoken(Language(language), kind)
    subject, text = _part(kind, first, about, classes, marks)
    beneath = marks | {"url": ABOVE}
    if kind is LetterKind.LANGUAGE:  # «we write in …» is true of one language only
        other_subject, other_text = "", text_of(second, BACK) or ""
    else:
        other_subject, other_text = _part(kind, second, about, None if classes is None else (), beneath)
    prefix = "" if kind is LetterKind.UNKNOWN_CODE else f"【{marks['school']}】"
    foot = f"{marks['ward']} / {marks['ward_en']}\n"
    parts = (text, marks["inquiry"], RULE, other_text, foot)
    body = "\n\n".join(part for part in parts if part).replace(f"\n\n{RULE}\n\n", f"\n\n{RULE}\n")
    return prefix + " / ".join(filter(None, (subject, other_subject))), body


def _part(
    kind: LetterKind,
    language: Language,
    about: str,
    classes: Sequence[SchoolClass] | None,
    marks: dict[str, str],
) -> tuple[str, str]:
    form = ""
    if kind in _WITH_FORM and classes is not None:
        form = "\n\n" + (text_of(language, FORM) or "").format(classes=_listed(classes)).rstrip()
    made = {"form": form}
    if kind is LetterKind.OWN_LOGIN:
        made["happened"] = _happened(language, about)
    elif kind is LetterKind.PASSWORD_DUE:
        made["day"] = _when(language, about)
    else:
        made["missing"] = _missing(language, about)
    subject, _, text = (text_of(language, kind) or "").partition("\n")
    return subject.format_map(marks | made), text.format_map(marks | made).strip("\n")


def _listed(classes: Sequence[SchoolClass]) -> str:
    entries = [f"{number} {row.grade}{row.label}" for number, row in numbered(classes)[:_CLASSES_MAX]]
    rows = range(0, len(entries), _CLASSES_PER_LINE)
    return "\n" + "\n".join("  ".join(entries[at : at + _CLASSES_PER_LINE]) for at in rows) if entries else ""


def _words(language: Language, name: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (text_of(language, name) or "").splitlines())


def _happened(language: Language, about: str) -> str:
    words = _words(language, LOGIN)
    said = (line.partition(" ") for line in about.split(","))
    return "\n".join(f"・{_when(language, time)}  {words[what]}" for what, _, time in said if what in words)


def _when(language: Language, text: str) -> str:
    """A day, or a minute of it, in the ward's time zone (ISO 8601), as people write it."""
    at = datetime.fromisoformat(text)
    day = format_date(at, "M月d日(E)" if language is Language.JA else "EEEE d MMMM", locale=language)
    return f"{day} {at:%H:%M}" if "T" in text else day


def _missing(language: Language, about: str) -> str:
    words = _words(language, FIELDS)
    return "\n".join(f"・{words[name]}" for name in about.split(",") if name in words)
