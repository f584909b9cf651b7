"""A ward officer's mail on the pages: whom it goes to, the proof before it goes, what each side sees then."""

import re

import time_machine
from flask import Flask

from appliance import audit, clock
from appliance.models import Audit, Broadcast, BroadcastSchool, Delivery, School
from tests.web.staff.ward import PASSWORD, Clerk, Ward, write, write_for_ward


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def going(broadcast_id: int) -> int:
    return Delivery.select().where(Delivery.broadcast == broadcast_id).count()


def test_an_urgent_mail_to_every_school_goes_when_the_number_was_typed_back(clerk: Clerk, ward: Ward) -> None:
    ward.register("kato@icloud.com", "加藤 蓮", "加藤 修", ward.classes[3])  # a child at both schools
    clerk.login("kutan")
    number = write_for_ward(clerk, urgent=True)
    seen = text(clerk.page)
    assert "区内のすべての学校(2校)" in seen
    assert "宛先 5 件" in seen
    assert "学校ごとの数を足すと、1件多くなります" in seen
    clerk.send(typed="6")
    assert "宛先の数が違います" in clerk.page
    assert going(number) == 0
    clerk.send(typed="5")
    assert clerk.path == f"/broadcasts/{number}"
    assert going(number) == 5
    assert "学校ごと" in clerk.page
    assert "山田" not in clerk.page
    assert "加藤" not in clerk.page


def test_some_schools_are_chosen_by_kind_or_by_name(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kutan")
    for chosen in ({"scope": "kinds", "kind": "kindergarten"}, {"school": str(ward.other.id)}):
        number = write_for_ward(clerk, **chosen)
        assert "宛先 1 件" in text(clerk.page)
        clerk.send()
        assert going(number) == 1


def test_a_choice_that_says_two_things_or_nothing_is_asked_again(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kutan")
    number = write_for_ward(clerk)
    for said, answer in (
        ({}, "だれに送るか、選んでください。"),
        ({"scope": "kinds"}, "送る学校の種類に印を付けてください。"),
        ({"scope": "schools"}, "送る学校に印を付けてください。"),
        ({"scope": "all", "school": str(ward.other.id)}, "下の印が合っていません"),
        ({"scope": "schools", "school": "4711"}, "選んだ学校がなくなりました"),
        ({"scope": "kinds", "kind": "university"}, "選んだ学校がなくなりました"),
    ):
        clerk.open(f"/broadcasts/{number}/schools")
        clerk.send(**said)
        assert answer in clerk.page, said
    School.update(state="closed").where(School.id == ward.other.id).execute()
    clerk.open(f"/broadcasts/{number}/schools")
    assert "わかば幼稚園" not in clerk.page


def test_it_goes_only_with_a_fresh_proof_even_to_one_class_sized_school(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kutan")
    with time_machine.travel(clock.now().timestamp() + 900, tick=True):
        number = write_for_ward(clerk, school=str(ward.other.id))
        clerk.send()
        assert clerk.status == 401
        assert going(number) == 0
        clerk.send(proof__password=PASSWORD)
        assert going(number) == 1


def test_a_school_reads_it_among_its_mails_with_its_own_numbers_and_changes_nothing(
    app: Flask, clerk: Clerk, ward: Ward
) -> None:
    clerk.login("kutan")
    draft, number = write_for_ward(clerk), write_for_ward(clerk)
    clerk.send()
    principal = Clerk(app)
    principal.login("encho")
    principal.open(f"/schools/{ward.other.id}/broadcasts")
    assert "台風による休校" in principal.page
    assert ward.config.ward.name in text(principal.page)
    principal.open(f"/broadcasts/{number}")
    assert "ここに出る数は、自分の学校の分です" in principal.page
    assert "児童等1人のうち" in text(principal.page)
    assert "みどり第一小学校" not in principal.page
    principal.open(f"/broadcasts/{draft}")
    assert principal.status == 404
    for act in (f"/broadcasts/{number}/stop", f"/broadcasts/{number}/again", f"/broadcasts/{number}/check"):
        principal.open("/")
        principal.send(act)
        assert principal.status == 403, act
    assert Broadcast.get_by_id(number).state == "sending"


def test_a_school_prints_its_own_call_sheet_of_it(admin: Flask, ward: Ward) -> None:
    officer, principal = Clerk(admin), Clerk(admin)
    officer.login("kutan")
    number = write_for_ward(officer)
    officer.send()
    officer.open(f"/broadcasts/{number}/call-sheet")
    assert officer.status == 403
    principal.login("encho")
    principal.open(f"/broadcasts/{number}")
    assert "電話連絡票" in principal.page
    principal.open(f"/broadcasts/{number}/call-sheet")
    assert "加藤 結" in principal.page
    assert "山田" not in principal.page
    principal.open(f"/broadcasts/{number}/call-sheet?school={ward.school.id}")
    assert principal.status == 404
    opened = Audit.select().where(Audit.act == audit.Act.CALL_SHEET_OPENED).get()
    assert (opened.school_id, opened.object_id) == (ward.other.id, number)


def test_a_school_it_did_not_go_to_never_hears_of_it(app: Flask, clerk: Clerk, ward: Ward) -> None:
    clerk.login("kutan")
    number = write_for_ward(clerk, school=str(ward.other.id))
    clerk.send()
    assert [row.school_id for row in BroadcastSchool.select()] == [ward.other.id]
    principal = Clerk(app)
    principal.login("kocho")
    principal.open(f"/broadcasts/{number}")
    assert principal.status == 404
    principal.open(f"/schools/{ward.school.id}/broadcasts")
    assert "台風による休校" not in principal.page


def test_the_ward_stops_what_has_not_gone(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kutan")
    number = write_for_ward(clerk)
    clerk.send()
    clerk.open(f"/broadcasts/{number}/stop")
    clerk.send()
    assert Broadcast.get_by_id(number).state == "stopped"
    assert "台風による休校" in clerk.open("/ward/broadcasts").text


def test_the_steps_of_a_schools_mail_do_not_lead_to_the_wards_questions(clerk: Clerk) -> None:
    clerk.login("kocho")
    number = write(clerk)
    clerk.open(f"/broadcasts/{number}/schools")
    assert clerk.status == 404


def test_the_record_tells_it_in_words(admin: Flask) -> None:
    officer = Clerk(admin)
    officer.login("kutan")
    write_for_ward(officer)
    officer.send()
    officer.open("/records")
    assert "メールを送った" in officer.page
    row = Audit.select().where(Audit.act == audit.Act.BROADCAST_SENT).get()
    officer.open(f"/records/{row.id}")
    assert "宛先の数: 5 · 送った学校の数: 2" in officer.page
