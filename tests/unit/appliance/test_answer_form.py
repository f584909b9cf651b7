"""The short form as guardians really send it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.answer import classes, form
from appliance.models import SchoolClass

ROWS = [
    SchoolClass(id=n, grade=grade, label=label, sort_key=n)
    for n, (grade, label) in enumerate(
        [("1年", "1組"), ("1年", "2組"), ("2年", "1組"), ("年長", "ゆり組")], 1
    )
]
GOOD = (2, "山田 花子", "山田 太郎")


def understood(text: str, quoted: str = "") -> tuple[int | None, str | None, str | None]:
    found = form.read(text, quoted, ROWS, 60)
    return found.school_class_id, found.child_name, found.guardian_name


@pytest.mark.parametrize(
    "text",
    [
        "1 学年・組：1年2組\n2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎",
        "１　学年・組：　１年２組\n２　お子さまの氏名：　山田　花子\n３　保護者の氏名：　山田　太郎",
        "学年・組: 1-2\n子供の名前: 山田 花子\n保護者: 山田 太郎",
        "学年・組\n1年2組\nお子さまの氏名\n山田 花子\n保護者の氏名\n山田 太郎",
        "1年2組\n山田 花子\n山田 太郎",
        "1) 1年2組\n2) 山田 花子\n3) 山田 太郎",
        "①1年2組\n②山田 花子\n③山田 太郎",
        "102\n山田 花子\n山田 太郎",
        "1の2、山田 花子、山田 太郎",
        "一年二組\n山田 花子\n山田 太郎",
        "Class: Grade 1 Class 2\nChild's name: 山田 花子\nGuardian's name: 山田 太郎",
        "3 保護者の氏名：山田 太郎\n1 学年・組：1年2組\n2 お子さまの氏名：山田 花子",
        "1 班级：102\n2 孩子姓名：山田 花子\n3 家长姓名：山田 太郎",
        "1 학년·반: 102\n2 자녀 이름: 山田 花子\n3 보호자 이름: 山田 太郎",
        "1 Lớp: 102\n2 Tên con: 山田 花子\n3 Tên phụ huynh: 山田 太郎",
        "1 कक्षा: 102\n2 बच्चाको नाम: 山田 花子\n3 अभिभावकको नाम: 山田 太郎",
        "1 Turma: 102\n2 Nome da criança: 山田 花子\n3 Nome do responsável: 山田 太郎",
        "1 Klase: 102\n2 Pangalan ng bata: 山田 花子\n3 Pangalan ng magulang: 山田 太郎",
    ],
)
def test_a_filled_form_is_understood(text: str) -> None:
    assert understood(text) == GOOD


def test_answers_typed_into_the_quoted_form_are_found() -> None:
    quoted = (
        "2026/04/08 みどり小学校:\n1 学年・組：1年2組\n"
        "2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎\n"
        "101 1年1組  102 1年2組"
    )
    assert understood("", quoted) == GOOD


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", form.FIELDS),
        ("1年2組\n山田 花子", form.FIELDS),
        ("よろしくお願いします\n1年2組\n山田 花子\n山田 太郎", form.FIELDS),
        ("1 学年・組：9年9組\n2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎", ("school_class",)),
        ("1 学年・組：1年\n2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎", ("school_class",)),
        ("1 学年・組：1\n2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎", ("school_class",)),
        (
            "1 学年・組：102\n2 お子さまの氏名：http://x.jp/\n3 保護者の氏名：",
            ("child_name", "guardian_name"),
        ),
    ],
)
def test_what_is_missing_is_named_and_never_guessed(text: str, missing: tuple[str, ...]) -> None:
    assert form.read(text, "", ROWS, 60).missing == missing


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ゆり組", 4),
        ("ゆり", 4),
        ("年長ゆり", 4),
        ("年長　ゆり組", 4),
        ("2ー1", 3),
        ("２年生 １組", 3),
        ("2年01組", 3),
        ("104", 4),
    ],
)
def test_a_class_as_people_write_it(text: str, wanted: int) -> None:
    found = classes.match(text, ROWS)
    assert found is not None
    assert found.id == wanted


@pytest.mark.parametrize("text", ["", "1", "1年", "組", "105", "12", "3-1", "年長組 1"])
def test_what_fits_no_class_or_two_is_none(text: str) -> None:
    assert classes.match(text, ROWS) is None


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_makes_it_fail(text: str, quoted: str) -> None:
    form.read(text, quoted, ROWS, 60)


def test_a_form_does_not_show_names_when_printed() -> None:
    assert "山田" not in repr(form.read("102\n山田 花子\n山田 太郎", "", ROWS, 60))
