"""「個人情報が含まれていませんか」: what the writer is warned of, and what is ordinary school text."""

import time

import pytest

from appliance.broadcast import Finding, FindingKind, findings
from appliance.config import Zone
from tests.flows.ward import Ward

ORDINARY = [
    "本日は大雨警報のため、臨時休校とします。",
    "4月8日(水)8:30〜9:15に入学式を行います。9時15分に正門へお越しください。",
    "令和8年度 運動会は2026-05-30(土)に延期します。雨天時は06-07に順延。",
    "下校時刻:1年生 14:30、2年生 15:20。",
    "給食費は4,500円です。口座振替日は05月27日です。",
    "〒012-3456 みどり区1-2-3 みどり小学校",
    "0830-0915の間に登校してください。(0900開始)",
    "不審者情報:5月1日17時頃、みどり町3丁目で児童への声かけがありました。",
    "1年1組・2組は10:00、2年1組は10:30に体育館へ集合してください。",
    "森林教室のため、山田公園へ行きます。花子ちゃん人形は持ってきません。",
    "The school is closed today because of heavy rain. Lessons start at 08:45 on 2026-04-09.",
]


@pytest.fixture
def school(ward: Ward) -> Ward:
    """Children of ordinary, short, long and foreign names."""
    for number, child in enumerate(
        (
            "山田 花子",
            "林 翼",
            "髙橋 さくら",
            "Alexander James Johnson",
            "グエン・ティ・ミン・ホアン・アン",
            "O'Brien Anne-Marie",
        )
    ):
        ward.register(f"parent{number}@docomo.ne.jp", child, "保護者")
    ward.register("kato@docomo.ne.jp", "加藤 結", "加藤 修", ward.other_classes[0])
    return ward


def warned(ward: Ward, *texts: str, zone: Zone = Zone.SENDER) -> list[Finding]:
    return findings(ward.keyring(zone), ward.school.id, *texts)


@pytest.mark.parametrize("zone", [Zone.SENDER, Zone.ADMIN])
@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("本日、山田花子さんが表彰されました。", "山田花子"),
        ("1年1組の山田 花子さんが表彰されました。", "山田 花子"),
        ("本日　山田　花子さんが表彰されました。", "山田 花子"),
        ("今日 の 山田 花子 さん", "山田 花子"),
        ("林翼さん", "林翼"),
        ("担任は林 翼です", "林 翼"),
        ("髙橋さくら", "髙橋さくら"),
        ("Congratulations to Alexander James Johnson!", "Alexander James Johnson"),
        ("ALEXANDER JAMES JOHNSON", "ALEXANDER JAMES JOHNSON"),
        ("表彰:グエン・ティ・ミン・ホアン・アン", "グエン・ティ・ミン・ホアン・アン"),
        ("to O'Brien Anne-Marie.", "O'Brien Anne-Marie"),
        ("あ" * 3900 + "。山田花子", "山田花子"),
    ],
)
def test_a_registered_child_is_found_however_it_is_written(
    school: Ward, zone: Zone, text: str, excerpt: str
) -> None:
    assert Finding(FindingKind.NAME, excerpt) in warned(school, text, zone=zone)


@pytest.mark.parametrize(
    "text",
    [
        "090-1234-5678", "09012345678", "090 1234 5678", "０９０－１２３４－５６７８", "090ー1234ー5678",
        "03-1234-5678", "(03)1234-5678", "03(1234)5678", "0422-12-3456", "04992-2-1234", "0120-123-456",
        "0800-123-4567", "+81 90-1234-5678", "+81-3-1234-5678", "0312345678",
    ],
)  # fmt: skip
def test_a_telephone_number_is_found_however_it_is_written(ward: Ward, text: str) -> None:
    (found,) = warned(ward, f"連絡先は{text}です。")
    assert found.kind is FindingKind.PHONE


def test_two_numbers_side_by_side_are_two_findings(ward: Ward) -> None:
    found = warned(ward, "電話 03-1234-5678 03-2345-6789")
    assert [each.excerpt for each in found] == ["03-1234-5678", "03-2345-6789"]


@pytest.mark.parametrize("text", ["hanako@docomo.ne.jp", "a..b@docomo.ne.jp", "ｈａｎａｋｏ＠docomo.ne.jp"])
def test_a_mail_address_is_found(ward: Ward, text: str) -> None:
    (found,) = warned(ward, f"{text}までご連絡ください")
    assert found.kind is FindingKind.MAIL_ADDRESS


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_school_text_raises_no_alarm(school: Ward, text: str) -> None:
    assert warned(school, text) == []


def test_a_child_of_another_school_is_not_recognised_here(school: Ward) -> None:
    assert warned(school, "加藤 結さん") == []


def test_the_subject_is_looked_at_too_and_each_finding_is_told_once(school: Ward) -> None:
    found = warned(school, "山田花子さん", "山田花子さん、山田花子さん")
    assert found == [Finding(FindingKind.NAME, "山田花子")]


def test_a_zone_that_recognises_no_names_still_finds_numbers(school: Ward) -> None:
    found = warned(school, "山田花子 090-1234-5678", zone=Zone.MAIL)
    assert [each.kind for each in found] == [FindingKind.PHONE]


def test_the_longest_text_is_looked_through_while_the_writer_waits(school: Ward) -> None:
    started = time.process_time()
    warned(school, "".join(chr(0x4E00 + number % 5000) for number in range(4000)))
    assert time.process_time() - started < 2
