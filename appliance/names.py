"""Names of children and guardians: what may be written into the two fields (R05, R06).

Owns their validation and their normal form. Refuses to store: callers seal. Fails with `NameInvalid` whose
reason is one of `empty`, `too_long`, `control`, `not_a_name`.
"""

import unicodedata

from appliance.errors import NameInvalid

_FORBIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_JOINERS = frozenset({"\u200c", "\u200d"})  # needed to write names in Nepali and Persian
_NOT_IN_NAMES = frozenset("@/\\<>{}[]=|;:?#")


def clean(text: str, field: str, longest: int) -> str:
    """The name with single spaces and NFC, or `NameInvalid`.

    Characters that would make the field a message (addresses, URLs, markup) are refused: no free text.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name:
        raise NameInvalid(field, "empty")
    if len(name) > longest:
        raise NameInvalid(field, "too_long")
    for character in text:
        forbidden = unicodedata.category(character) in _FORBIDDEN and character not in _JOINERS
        if forbidden and character not in "\t\r\n":
            raise NameInvalid(field, "control")
    if any(character in _NOT_IN_NAMES for character in name) or not any(map(str.isalpha, name)):
        raise NameInvalid(field, "not_a_name")
    return name
