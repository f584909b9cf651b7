"""What a guardian means by a word or two, in nine languages.

Owns one table, `words.txt`: meaning and language → words. A text has a meaning only if every sentence of it
is in the table: 「解除」「解除してください。よろしくお願いします」 mean to leave, 「解除の方法は」 is free
text. Compared are NFKC, case folded, without spaces and punctuation, so width, case and dots do not matter.
Refuses to act. Never fails on any text; longer than a person's word or two is free text unread. Fails at
start on a table that cannot be read.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from appliance import address
from appliance.address import Address
from appliance.language import Language


class Intent(StrEnum):
    """What is wanted. EMPTY: nothing was written. FREE: words of one's own."""

    YES = "yes"
    NO = "no"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    CHANGE = "change"
    LANGUAGE = "language"
    HELP = "help"
    EMPTY = "empty"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`language` goes with LANGUAGE, `address` with CHANGE, where one was written."""

    intent: Intent
    language: Language | None = None
    address: Address | None = None


LONGEST = 300
FILE = "words.txt"
_SENTENCE_END = re.compile(r"[\n\r。．.!?、,;؛।|]+")
_SUBJECT_PREFIX = re.compile(
    r"\A(?:\s*(?:re|fw|fwd|返信|転送|回复|答复|답장|res|tr)\s*(?:\[\d+\])?\s*[:：])+", re.I
)


def plain(text: str) -> str:
    """The form in which words are compared: NFKC, case folded, letters, marks and digits only."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in folded if unicodedata.category(character)[0] in "LMN")


_Entry = tuple[Intent, Language | None]


def lines() -> list[tuple[str, str, list[str]]]:
    """The table as it is written: meaning, language, words."""
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    rows = (line.split(" ", 2) for line in text.splitlines() if line and not line.startswith("#"))
    return [(name, language, listed.split("|")) for name, language, listed in rows]


def named(prefix: str) -> Iterator[tuple[str, str]]:
    """(what stands after the prefix, word in its plain form) of all lines whose meaning begins so."""
    for name, _, listed in lines():
        if name.startswith(prefix):
            yield from ((name.removeprefix(prefix), plain(word)) for word in listed)


_TABLE: dict[str, _Entry] = {
    **{word: (Intent.LANGUAGE, Language(tag)) for tag, word in named("language:")},
    **{word: (intent, None) for intent in Intent for rest, word in named(intent) if not rest},
}
_COURTESIES = frozenset(word for _, word in named("courtesy"))
_ENDINGS = tuple(word for _, word in named("ending"))


def meaning(subject: str, text: str) -> Meaning:
    """What is wanted, from what was written; from the subject only where the text says nothing."""
    found = _meaning(text)
    if found.intent is Intent.EMPTY:
        spoken = _meaning(_SUBJECT_PREFIX.sub("", subject[:LONGEST]))
        if spoken.intent is not Intent.FREE:  # «Re: 休校のお知らせ» is our own
            return spoken
    return found


def _meaning(text: str) -> Meaning:
    if len(text) > LONGEST:
        return Meaning(Intent.FREE)
    addresses, rest = address.find(unicodedata.normalize("NFKC", text))
    entries: set[_Entry] = set()
    courteous = False
    for sentence in _SENTENCE_END.split(rest):
        word = plain(sentence)
        if not word:
            continue
        entry = _entry(word)
        if entry is not None:
            entries.add(entry)
        elif word in _COURTESIES:
            courteous = True
        else:
            return Meaning(Intent.FREE)
    return _only(entries, courteous, addresses)


def _entry(word: str) -> _Entry | None:
    found = _TABLE.get(word)
    for ending in _ENDINGS:
        if found is None and word.endswith(ending):
            found = _TABLE.get(word.removesuffix(ending))
    if found is None and word.startswith("please"):
        found = _TABLE.get(word.removeprefix("please"))
    return found


def _only(entries: set[_Entry], courteous: bool, addresses: list[Address]) -> Meaning:
    wanted = {entry for entry in entries if entry[0] is not Intent.CONFIRM} or entries
    if len(wanted) > 1 or (addresses and not wanted):
        return Meaning(Intent.FREE)
    if not wanted:
        return Meaning(Intent.CONFIRM if courteous else Intent.EMPTY)
    ((intent, language),) = wanted
    if addresses and (intent is not Intent.CHANGE or len(addresses) > 1):
        return Meaning(Intent.FREE)
    return Meaning(intent, language, addresses[0] if addresses else None)
