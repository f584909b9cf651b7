"""Every letter in every language: complete, with one link, and its form empty enough to be filled in."""

import pytest

from appliance.answer import form
from appliance.audit import TOLD, TOLD_BESIDES
from appliance.delivery.letters import LetterKind
from appliance.language import Language
from appliance.models import SchoolClass
from smtp import letters

MARKS = {
    "school": "みどり小学校", "school_en": "Midori Elementary School",
    "ward": "みどり区", "ward_en": "Midori Ward",
    "size": "43000", "root": "AAAA", "at": "2026-11-26 06:00:00", "key": "touroku.example/karamail+0+A",
    "cosigned": "2",
    "lasting": "2", "over": "0", "worst": "n2 disk", "faults": "BROKEN   n2 disk  (04-08 06:00 -)",
    "url": "https://touroku.example/r/abc", "hours": "24", "inquiry": "お問い合わせ / Questions: 03",
}  # fmt: skip
ROWS = [SchoolClass(id=n, grade="1年", label=f"{n}組", sort_key=n) for n in range(1, 41)]
TRANSLATED = (
    "reply",
    "form",
    "fields",
    "ask_again",
    "welcome",
    "withdraw",
    "withdrawn",
    "language",
    "prove",
)
SOFTBANK_CHARACTERS = 6000
ABOUT = {
    LetterKind.OWN_LOGIN: ",".join(f"{act} 2026-04-08T06:10" for act in (*TOLD, *TOLD_BESIDES)),
    LetterKind.PASSWORD_DUE: "2026-04-21",
}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", LetterKind)
def test_a_letter_can_be_written(kind: LetterKind, language: Language) -> None:
    about = ABOUT.get(kind, ",".join(form.FIELDS))
    subject, text = letters.write(kind, language, about=about, classes=ROWS, **MARKS)
    assert subject.isprintable()
    assert len(subject) < 120
    assert not set("{}") & set(subject + text)
    assert text.count(MARKS["url"]) == (kind in ("reply", "ask_again", "not_encrypted", "prove"))
    assert text.endswith("みどり区 / Midori Ward\n")
    assert len(text) < SOFTBANK_CHARACTERS
    assert letters.RULE in text


@pytest.mark.parametrize("language", Language)
def test_each_language_has_the_letters_that_matter_most(language: Language) -> None:
    assert [name for name in TRANSLATED if letters.text_of(language, name) is None] == []


@pytest.mark.parametrize("language", Language)
def test_the_form_as_we_sent_it_holds_no_answer_and_filled_in_it_is_one(language: Language) -> None:
    _, text = letters.write(LetterKind.REPLY, language, classes=ROWS, **MARKS)
    assert form.read("", text, ROWS, 60).missing == form.FIELDS
    answers = iter(["1年3組", "山田 花子", "山田 太郎"])
    filled = [
        line + next(answers, "") if line[:2] in ("1 ", "2 ", "3 ") and line[-1] in ":：" else line
        for line in text.splitlines()
    ]
    found = form.read("", "\n".join(filled), ROWS, 60)
    assert (found.school_class_id, found.child_name, found.guardian_name) == (3, "山田 花子", "山田 太郎")


def test_a_new_language_is_announced_in_itself_only_and_the_way_back_in_the_other() -> None:
    subject, text = letters.write(LetterKind.LANGUAGE, Language.NE, **MARKS)
    assert "日本語でお送りします" not in subject + text
    assert "日本語に戻すには" in text


def test_without_encryption_at_our_door_no_form_is_offered() -> None:
    _, text = letters.write(LetterKind.REPLY, classes=None, **MARKS)
    assert "メールだけで" not in text
    assert "by mail alone" not in text


def test_what_a_language_lacks_comes_in_english() -> None:
    subject, text = letters.write(LetterKind.CHANGE_HOW, Language.NE, **MARKS)
    assert subject.startswith("【みどり小学校】How to change")
    assert "アドレスを変えるには" in text


@pytest.mark.parametrize("language", [Language.JA, Language.EN])
def test_whatever_happens_to_a_login_has_its_sentence(language: Language) -> None:
    _, text = letters.write(LetterKind.OWN_LOGIN, language, about=ABOUT[LetterKind.OWN_LOGIN], **MARKS)
    assert (
        text.count("・4月8日(水) 06:10  ")
        == text.count("・Wednesday 8 April 06:10  ")
        == len((*TOLD, *TOLD_BESIDES))
    )
