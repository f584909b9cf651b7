"""Does the text hold personal data? (R17)

Owns the recognisers that warn the writer: telephone numbers, mail addresses, and names of children that are
registered at the school, found by keyed hash, so that the send-only zone needs no name to warn of one.
Refuses to forbid: people decide. Cannot fail; a zone without the names index skips names.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from appliance import db
from appliance.errors import KeyRefused
from appliance.keys import Keyring, Purpose, name_form
from appliance.models import Child

# Japanese numbers have ten or eleven digits with the leading 0; dates and times of day have fewer.
_GAP = r"[-() ]{0,2}"
_AREA_AND_EXCHANGE = "|".join(
    rf"\d{{{area}}}{_GAP}\d{{{exchange}}}" for area, exchange in ((1, 4), (2, "3,4"), (3, "2,3"), (4, "1,2"))
)
_PHONE = re.compile(
    rf"(?<!\d)(?:0|\+81[- ]?)(?:{_AREA_AND_EXCHANGE}){_GAP}\d{{4}}(?!\d)"
    rf"|(?<!\d)0\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{3}}(?!\d)"
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー", "-"))
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_RUN = re.compile(
    r"[\w々ー]+(?: [\w々ー]+)*"
)  # 「1年1組の山田 花子さんは」: the name begins and ends anywhere
_WORD = re.compile(r"[\w々ー]+(?:['’・-][\w々ー]+)*")
_PART_LONGEST = 14
_WORDS_MOST = 6
_WORDS_LONGEST = 60
_SHORTEST = 2  # 「林 翼」


class FindingKind(StrEnum):
    PHONE = "phone"
    MAIL_ADDRESS = "mail_address"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was recognised and the words of the text that it stands in, with full-width letters folded."""

    kind: FindingKind
    excerpt: str


def findings(keyring: Keyring, school_id: int | None, *texts: str) -> list[Finding]:
    """Everything in the texts that looks like personal data, each once. No school: names of all schools."""
    found: dict[tuple[FindingKind, str], Finding] = {}
    for text in texts:
        folded = unicodedata.normalize("NFKC", text)
        excerpts = [(FindingKind.PHONE, match[0]) for match in _PHONE.finditer(folded.translate(_DASHES))]
        excerpts += [(FindingKind.MAIL_ADDRESS, match[0]) for match in _MAIL.finditer(folded)]
        excerpts += [(FindingKind.NAME, excerpt) for excerpt in _names(keyring, school_id, folded)]
        for kind, excerpt in excerpts:
            found[kind, excerpt] = Finding(kind, excerpt)
    return list(found.values())


def _names(keyring: Keyring, school_id: int | None, text: str) -> list[str]:
    """Parts of the text whose keyed hash is that of a child of the school, or of the ward."""
    candidates: dict[str, str] = {}
    for part in _parts(text):
        candidates.setdefault(name_form(part), part)
    with db.guarded():
        children = Child.select(Child.name_index)
        if school_id is not None:
            children = children.where(Child.school == school_id)
        registered = {bytes(row[0]) for row in children.tuples()}
    try:
        return [
            part
            for form, part in candidates.items()
            if len(form) >= _SHORTEST and keyring.index(Purpose.NAMES, form) in registered
        ]
    except KeyRefused:
        return []


def _parts(text: str) -> Iterator[str]:
    """Whatever could be a name: short stretches anywhere, and longer ones of whole words."""
    for run in _RUN.finditer(text):
        words = run[0]
        for start in range(len(words)):
            for end in range(start + _SHORTEST, min(start + _PART_LONGEST, len(words)) + 1):
                if words[start] != " " and words[end - 1] != " ":
                    yield words[start:end]
    places = [match.span() for match in _WORD.finditer(text)]
    for first, (start, _) in enumerate(places):
        for _, end in places[first : first + _WORDS_MOST]:
            if _PART_LONGEST < end - start <= _WORDS_LONGEST and "\n" not in text[start:end]:
                yield text[start:end]
