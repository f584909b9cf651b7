"""People at a browser: reported, approved, invited on paper, moved, stopped; and who may not."""

import re

import pytest
from flask import Flask

from appliance import account, clock
from appliance.actor import Role
from appliance.models import Account, AccountSchool, Audit, PersonReport, Training
from tests.web.staff.ward import PASSWORD, Clerk, Ward

OTHER = "kumo-ga-nagareru-oka-5"
_LINK = re.compile(r'invitation__link">\s*http://[^/]+(/invitation/[a-z2-7]{26})')


@pytest.fixture
def clerk(admin: Flask) -> Clerk:
    return Clerk(admin)


def reported(clerk: Clerk, ward: Ward) -> int:
    """The principal has named a teacher."""
    clerk.login("kocho")
    clerk.open(f"/schools/{ward.school.id}/people/new")
    clerk.send(display_name="教諭 新田 春香", login_id="t-4021", duty="handler")
    assert "区に届け出ました" in clerk.page
    return int(PersonReport.get().id)


def invited(clerk: Clerk, ward: Ward) -> str:
    """The ward officer has approved it and holds the paper; the path on it."""
    number = reported(clerk, ward)
    clerk.login("kutan")
    clerk.open(f"/reports/{number}")
    clerk.send(decision="approve")
    clerk.open(f"{clerk.path}/invitation")
    clerk.send()
    found = _LINK.search(clerk.page)
    assert found is not None, clerk.page
    return found[1]


def test_a_new_teacher_comes_all_the_way_to_the_first_login(clerk: Clerk, admin: Flask, ward: Ward) -> None:
    path = invited(clerk, ward)
    teacher = Clerk(admin)
    teacher.open(path)
    assert "教諭 新田 春香" in teacher.page
    assert "t-4021" in teacher.page
    teacher.send(new=OTHER, again=OTHER)
    assert teacher.path == "/login"
    teacher.login("t-4021", OTHER)
    assert "みどり第一小学校" in teacher.page
    assert "研修がまだです" in teacher.page


def test_opening_the_link_does_nothing_yet(clerk: Clerk, admin: Flask, ward: Ward) -> None:
    """Mail scanners open links."""
    path = invited(clerk, ward)
    scanner = Clerk(admin)
    for _ in range(3):
        scanner.open(path)
    assert Account.get(Account.login_id == "t-4021").state == "invited"


@pytest.mark.parametrize(
    ("new", "again", "said"),
    [
        ("short", "short", "12字以上"),
        (OTHER, "kumo", "もう一度"),
        ("midori-shougakkou-2026", "midori-shougakkou-2026", "推測されやすい"),
        ("新田春香t-4021新田春香", "新田春香t-4021新田春香", "推測されやすい"),
    ],
)
def test_a_password_that_will_not_do_is_said_on_the_same_page(
    clerk: Clerk, admin: Flask, ward: Ward, new: str, again: str, said: str
) -> None:
    teacher = Clerk(admin)
    teacher.open(invited(clerk, ward))
    teacher.send(new=new, again=again)
    assert teacher.status == 422
    assert said in teacher.page
    assert new not in teacher.page
    teacher.send(new=OTHER, again=OTHER)
    assert teacher.path == "/login"


def test_unknown_used_and_ended_links_read_the_same(clerk: Clerk, admin: Flask, ward: Ward) -> None:
    path = invited(clerk, ward)
    teacher = Clerk(admin)
    teacher.open(path)
    teacher.send(new=OTHER, again=OTHER)
    pages = set()
    for gone in (path, "/invitation/" + "a" * 26, "/invitation/x"):
        stranger = Clerk(admin)
        stranger.open(gone)
        assert stranger.status == 410
        pages.add(re.sub(r'value="[^"]*"|href="/invitation[^"]*"', "", stranger.page))
    assert len(pages) == 1


def test_the_paper_is_shown_once_and_the_link_is_in_no_address_but_its_own(clerk: Clerk, ward: Ward) -> None:
    path = invited(clerk, ward)
    token = path.rpartition("/")[2]
    person = Account.get(Account.login_id == "t-4021")
    for page in (f"/accounts/{person.id}", f"/accounts/{person.id}/invitation", "/registers"):
        clerk.open(page)
        assert token not in clerk.page
    assert token not in repr(list(Audit.select().dicts()))


def test_the_ward_sees_who_has_the_id_already_before_it_decides(clerk: Clerk, ward: Ward) -> None:
    clerk.login("encho")
    clerk.open(f"/schools/{ward.other.id}/people/new")
    clerk.send(display_name="教諭 林 二葉", login_id="sensei", duty="handler")
    assert "もうアカウントがあります" not in clerk.page  # a school learns nothing of other schools' ids
    clerk.login("kutan")
    clerk.open(f"/reports/{PersonReport.get().id}")
    assert "もうアカウントがあります" in clerk.page
    assert "みどり第一小学校" in clerk.page


def test_what_is_missing_in_a_report_is_said_all_at_once(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    clerk.open(f"/schools/{ward.school.id}/people/new")
    clerk.send()
    for said in ("氏名を書いてください。", "IDを書いてください。", "選んでください。"):
        assert said in clerk.page
    assert PersonReport.select().count() == 0


def test_several_move_in_one_step(clerk: Clerk, ward: Ward) -> None:
    people = [
        account.add(
            ward.config, login_id=f"t-{n}", role=Role.STAFF, display_name=f"教諭 {n}",
            school_ids=[ward.school.id], password=PASSWORD, now=clock.now(),
        )
        for n in range(3)
    ]  # fmt: skip
    clerk.login("kutan")
    clerk.open(f"/schools/{ward.school.id}/handover")
    clerk.send(account=[row.id for row in people[:2]], action="move", target=ward.other.id)
    assert "2人の異動を行いました" in clerk.page
    there = {row.account_id for row in AccountSchool.select().where(AccountSchool.school == ward.other)}
    assert {row.id for row in people[:2]} <= there
    assert people[2].id not in there


def test_a_principal_ends_the_own_staff_but_moves_nobody(clerk: Clerk, ward: Ward) -> None:
    teacher, own = (Account.get(Account.login_id == login_id) for login_id in ("sensei", "kocho"))
    clerk.login("kocho")
    clerk.open(f"/schools/{ward.school.id}/handover")
    assert "別の学校へ移す</span>" not in clerk.page
    for fields in ({"account": own.id}, {"account": teacher.id, "action": "move", "target": ward.other.id}):
        clerk.open(f"/schools/{ward.school.id}/handover")
        clerk.send(**fields)
        assert clerk.status == 422
    clerk.send(account=teacher.id, action="end")
    assert Account.get_by_id(teacher.id).state == "ended"


def test_a_teacher_who_left_a_pc_open_is_logged_out(clerk: Clerk, admin: Flask, ward: Ward) -> None:
    left_open = Clerk(admin)
    left_open.login("sensei")
    teacher = Account.get(Account.login_id == "sensei")
    clerk.login("kocho")
    clerk.open(f"/accounts/{teacher.id}/logout")
    clerk.send()
    assert "ログインを終えました" in clerk.page
    assert "停止中" not in clerk.page
    left_open.open("/")
    assert left_open.path == "/login"
    left_open.login("sensei")
    assert left_open.path == "/"


def test_a_suspended_teacher_is_out_at_the_next_click_on_both_sites(
    clerk: Clerk, admin: Flask, sender: Flask, ward: Ward
) -> None:
    inside = [Clerk(admin), Clerk(sender)]
    for each in inside:
        each.login("sensei")
    teacher = Account.get(Account.login_id == "sensei")
    clerk.login("kocho")
    clerk.open(f"/accounts/{teacher.id}/suspend")
    clerk.send()
    assert "停止中" in clerk.page
    for each in inside:
        each.open("/")
        assert each.path == "/login"


@pytest.mark.parametrize("login_id", ["sensei", "kocho", "itaku", "kansa"])
def test_nobody_but_the_ward_officer_decides(clerk: Clerk, ward: Ward, login_id: str) -> None:
    number = reported(clerk, ward)
    clerk.login(login_id)
    clerk.send(f"/reports/{number}", decision="approve")
    assert clerk.status == 404
    assert PersonReport.get_by_id(number).state == "reported"


def test_an_auditor_reads_the_registers_and_changes_nothing(clerk: Clerk, ward: Ward) -> None:
    teacher = Account.get(Account.login_id == "sensei")
    clerk.login("kansa")
    for path in ("/registers", f"/schools/{ward.school.id}/people", f"/schools/{ward.school.id}/register",
                 f"/accounts/{teacher.id}", "/registers/vendor", "/registers/training"):  # fmt: skip
        clerk.open(path)
        assert clerk.status == 200, path
    for path in (f"/schools/{ward.school.id}", f"/schools/{ward.school.id}/registrants"):
        clerk.open(path)
        assert clerk.status == 404, path
    for path in (f"/accounts/{teacher.id}/suspend", f"/schools/{ward.school.id}/handover",
                 f"/schools/{ward.school.id}/people/new", f"/accounts/{teacher.id}/invitation"):  # fmt: skip
        clerk.open("/")
        clerk.send(path)
        assert clerk.status == 403, path


def test_the_printed_register_is_recorded_and_names_both_duties(clerk: Clerk, ward: Ward) -> None:
    clerk.login("kocho")
    clerk.open(f"/schools/{ward.school.id}/register")
    assert clerk.page.index("校長 森 一郎") < clerk.page.index("教諭 林 二葉")
    assert "管理者・取扱者届出書" in clerk.page
    row = Audit.get(Audit.act == "register.printed")
    assert row.object_id == ward.school.id


def test_the_rules_are_acknowledged_once_and_the_reminder_goes(clerk: Clerk) -> None:
    clerk.login("sensei")
    clerk.open("/training")
    clerk.send()
    assert clerk.status == 422
    clerk.send(read="yes")
    assert "研修は終わりました" in clerk.page
    assert Training.select().count() == 1
    clerk.open("/")
    assert "研修がまだ" not in clerk.page


def test_an_operator_says_why_before_a_name_is_shown(clerk: Clerk, ward: Ward) -> None:
    clerk.login("itaku")
    clerk.open(f"/schools/{ward.school.id}/registrants")
    assert clerk.status == 403
    assert "先に理由を記録してください" in clerk.page
    assert "山田" not in clerk.page
    clerk.open(f"/schools/{ward.school.id}/reason")
    clerk.send(reason="guardian", reference="3456-7890")
    assert clerk.status == 422
    assert "電話番号は書けません" in clerk.page
    clerk.send(reason="guardian", reference="2026-114")
    assert "山田 花子" in clerk.page
    clerk.open(f"/schools/{ward.other.id}/registrants")
    assert clerk.status == 403
    acts = [row.act for row in Audit.select().where(Audit.role == "operator").order_by(Audit.id)]
    assert acts == ["login", "refused", "registrants.requested", "registrations.listed", "refused"]
