"""The words of the letters: answers to an empty mail, welcome, newcomer.

Owns one text file per kind, Japanese first and the same in English beneath; the first line is the subject.
`{…}` marks are filled with `str.format`. Refuses names and addresses: a letter that goes to the wrong phone
tells nothing. Fails at start when a file or a mark is missing.
"""

from functools import cache
from importlib.resources import files

from appliance.delivery.letters import LetterKind

MARKS = ("school", "school_en", "ward", "ward_en", "url", "hours", "inquiry")


@cache
def _template(kind: LetterKind) -> tuple[str, str]:
    subject, _, text = files(__name__).joinpath(f"{kind}.txt").read_text(encoding="utf-8").partition("\n")
    return subject, text.lstrip("\n")


def write(kind: LetterKind, **marks: str) -> tuple[str, str]:
    """Subject and text of a letter. Raises KeyError for a mark that was not given."""
    subject, text = _template(kind)
    return subject.format_map(marks), text.format_map(marks)
