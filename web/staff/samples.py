"""文例: a subject and a text to start from, by category and kind of school.

Owns the samples and the mark that each blank carries, by which the check page notices one that was left.
Refuses names and telephone numbers (R17). Cannot fail.
"""

from dataclasses import dataclass

BLANK = "○○"
"""Stands where the writer has to say what, when or where. `has_blank` also knows its look-alikes."""

_BLANKS = (BLANK, "〇〇", "◯◯")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the text page begins with."""

    subject: str
    body: str


_SAMPLES = {
    "crime": Sample(
        "不審者情報",
        "○○時○○分ごろ、○○付近で不審者の情報がありました。\n\n"
        "お子さまには、一人にならないこと、何かあればすぐに逃げて大人に知らせることを、ご家庭でもお話しください。\n"
        "{school}では、○○を行います。\n",
    ),
    "disaster": Sample(
        "○○による{going}について",
        "○○のため、本日は次のとおりとします。\n\n・{going}: ○○\n・{leaving}: ○○\n\n"
        "通学の安全が確かめられないときは、無理に家を出ず、ご家庭の判断で安全を優先してください。\n"
        "次のお知らせは、○○時ごろにお送りします。\n",
    ),
    "incident": Sample(
        "○○について",
        "○○時○○分ごろ、○○がありました。\n\n"
        "児童等の状況: ○○\n{school}の対応: ○○\n\n"
        "詳しいことが分かりしだい、あらためてお知らせします。\n",
    ),
    "event": Sample(
        "○○の実施について",
        "本日の○○は、○○します。\n\n・集合: ○○\n・持ち物: ○○\n・{leaving}: ○○\n",
    ),
    "other": Sample("○○について", "○○についてお知らせします。\n\n・いつ: ○○\n・どこで: ○○\n・お願い: ○○\n"),
}
_WORDS = {
    "kindergarten": {"school": "園", "going": "登園", "leaving": "降園"},
}
_SCHOOL_WORDS = {"school": "学校", "going": "登校", "leaving": "下校"}


def sample(category: str, school_kind: str) -> Sample:
    """The sample of a category in the words of this kind of school."""
    words = _WORDS.get(school_kind, _SCHOOL_WORDS)
    found = _SAMPLES[category]
    return Sample(found.subject.format(**words), found.body.format(**words))


def has_blank(*texts: str) -> bool:
    """Is there a blank of a sample that nobody filled in?"""
    return any(blank in text for text in texts for blank in _BLANKS)
