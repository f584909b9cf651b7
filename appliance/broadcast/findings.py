"""Does the text hold personal data? (R17)

Owns the recognisers that warn the writer: telephone numbers, mail addresses, and names of children that are
registered at the school, found by keyed hash, so that the send-only zone needs no name to warn of one.
Refuses to forbid: people decide. Cannot fail; a zone without the names index skips names.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from appliance import db
from appliance.errors import KeyRefused
from appliance.keys import Keyring, Purpose, name_form
from appliance.models import Child

_PHONE = re.compile(r"(?<!\d)0\d{1,4}[-\s(（)）－ー‐]?\d{1,4}[-\s)）－ー‐]?\d{3,4}(?!\d)")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_WORDS = re.compile(r"[\w々ー]+(?:[  　][\w々ー]+)?")
_LONGEST = 14
_SHORTEST = 3
_CANDIDATES_MAX = 40_000


class FindingKind(StrEnum):
    PHONE = "phone"
    MAIL_ADDRESS = "mail_address"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was recognised and the words of the text that it stands in."""

    kind: FindingKind
    excerpt: str


def findings(keyring: Keyring, school_id: int, *texts: str) -> list[Finding]:
    """Everything in the texts that looks like personal data, each once."""
    found: dict[tuple[FindingKind, str], Finding] = {}
    for text in texts:
        for kind, pattern in ((FindingKind.PHONE, _PHONE), (FindingKind.MAIL_ADDRESS, _MAIL)):
            for match in pattern.finditer(text):
                found[kind, match[0]] = Finding(kind, match[0])
        for excerpt in _names(keyring, school_id, text):
            found[FindingKind.NAME, excerpt] = Finding(FindingKind.NAME, excerpt)
    return list(found.values())


def _names(keyring: Keyring, school_id: int, text: str) -> list[str]:
    """Substrings whose keyed hash is that of a child of the school."""
    candidates: dict[bytes, str] = {}
    try:
        for run in _WORDS.finditer(text):
            word = run[0]
            for start in range(len(word)):
                for end in range(start + _SHORTEST, min(start + _LONGEST, len(word)) + 1):
                    if len(candidates) >= _CANDIDATES_MAX:
                        break
                    part = word[start:end]
                    candidates[keyring.index(Purpose.NAMES, name_form(part))] = part.strip()
    except KeyRefused:
        return []
    hashes = list(candidates)
    found = []
    with db.guarded():
        for start in range(0, len(hashes), 500):
            rows = (
                Child.select(Child.name_index)
                .where(Child.school == school_id, Child.name_index.in_(hashes[start : start + 500]))
                .distinct()
                .tuples()
            )
            found += [candidates[bytes(row[0])] for row in rows]
    return found
