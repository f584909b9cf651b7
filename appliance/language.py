"""The languages in which letters to guardians can be written.

Owns the closed list. An address has one (`address.language`), Japanese until its owner chooses. Words that
choose one are in `appliance.answer.words`; the letters themselves in the mail zone. Cannot fail.
"""

from enum import StrEnum


class Language(StrEnum):
    """BCP 47 tags; やさしい日本語 has none of its own, so a private one."""

    JA = "ja"
    EASY = "ja-x-easy"
    EN = "en"
    ZH = "zh"
    KO = "ko"
    VI = "vi"
    NE = "ne"
    PT = "pt"
    TL = "tl"
