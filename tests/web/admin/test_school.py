"""Classes, the handout and its code, one's own password."""

import re
from urllib.parse import quote

import pytest
import segno
from flask import Flask

from appliance import account, clock, security_code
from appliance.config import Zone
from appliance.errors import LoginRefused
from appliance.models import SchoolClass, SecurityCode
from tests.web.staff.ward import PASSWORD, Clerk, Ward


@pytest.fixture
def clerk(admin: Flask) -> Clerk:
    found = Clerk(admin)
    found.login("kocho")
    return found


def test_a_class_is_added_and_retired(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}/classes")
    clerk.send(grade="4年", label="1組")
    assert "4年 1組" in clerk.page
    made = SchoolClass.get(SchoolClass.grade == "4年")
    clerk.open(f"/classes/{made.id}/retire")
    clerk.send()
    assert "4年 1組" not in clerk.page


@pytest.mark.parametrize(
    ("grade", "label", "words"),
    [
        ("", "1組", "学年を書いて"),
        ("1年", "", "組を書いて"),
        ("1年", "1組", "もうあります"),
        ("1" * 21, "1組", "20字まで"),
        ("1\x07年", "1組", "ふつうの文字"),
    ],
)
def test_a_class_that_cannot_be_added_comes_back(
    clerk: Clerk, ward: Ward, grade: str, label: str, words: str
) -> None:
    clerk.open(f"/schools/{ward.school.id}/classes")
    clerk.send(grade=grade, label=label)
    assert clerk.status == 422
    assert words in clerk.page


def test_a_class_with_children_stays(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/classes/{ward.classes[0].id}/retire")
    clerk.send()
    assert clerk.status == 422
    assert "登録者がいます" in clerk.page


def test_the_handout_says_everything_in_the_right_order(clerk: Clerk, ward: Ward) -> None:
    code = security_code.current(ward.school.id).code
    clerk.open(f"/schools/{ward.school.id}/handout")
    text = clerk.page.replace("<wbr>", "")
    places = [
        text.index(words)
        for words in (
            "先に、受信できるように",
            "空メールを送ります",
            "URLを開き",
            "10分たっても",
            "Allow email from",
        )
    ]
    assert places == sorted(places)
    assert f"{code}@{ward.config.mail.registration_domain}" in text
    assert "mail.midori.example" in text


def test_the_qr_code_leads_to_a_mail_that_any_phone_can_send(clerk: Clerk, ward: Ward) -> None:
    code = security_code.current(ward.school.id).code
    subject, text = quote("登録"), quote("このまま送信してください。")
    target = f"mailto:{code}@touroku.midori.example?subject={subject}&body={text}"
    response = clerk.client.get(f"/schools/{ward.school.id}/handout/qr.svg")
    assert response.mimetype == "image/svg+xml"
    assert response.text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    drawn = re.findall(r' d="[^"]+"', response.text)
    assert drawn == re.findall(r' d="[^"]+"', segno.make_qr(target, error="m").svg_inline(border=4))


def test_a_new_code_retires_the_old_one_once(clerk: Clerk, ward: Ward) -> None:
    before = security_code.current(ward.school.id).code
    clerk.open(f"/schools/{ward.school.id}/code")
    form = clerk.page
    clerk.send()
    after = security_code.current(ward.school.id).code
    assert after != before
    clerk.page = form
    clerk.send(f"/schools/{ward.school.id}/code")  # pressed twice
    assert security_code.current(ward.school.id).code == after
    assert SecurityCode.get(SecurityCode.code == before).state == "retired"


def test_only_the_principal_renews_the_code(admin: Flask, ward: Ward) -> None:
    clerk = Clerk(admin)
    clerk.login("sensei")
    clerk.open(f"/schools/{ward.school.id}/code")
    assert clerk.status == 403


def test_the_password_is_changed_and_other_sessions_end(clerk: Clerk, admin: Flask, ward: Ward) -> None:
    elsewhere = Clerk(admin)
    elsewhere.login("kocho")
    clerk.open("/account/password")
    clerk.send(old=PASSWORD, new="asagao-wa-asa-hiraku-3", again="asagao-wa-asa-hiraku-3")
    assert "パスワードを変えました" in clerk.page
    elsewhere.open("/")
    assert elsewhere.path == "/login"
    clerk.open("/")
    assert clerk.path == "/"
    with pytest.raises(LoginRefused):
        account.login(ward.config, Zone.ADMIN, "kocho", PASSWORD, network="", now=clock.now())


@pytest.mark.parametrize(
    ("old", "new", "again", "words"),
    [
        ("chigau", "asagao-wa-asa-hiraku-3", "asagao-wa-asa-hiraku-3", "今のパスワードが違います"),
        (PASSWORD, "mijikai", "mijikai", "12字以上"),
        (PASSWORD, "asagao-wa-asa-hiraku-3", "asagao-wa-asa-hiraku-4", "同じものを、もう一度"),
        (PASSWORD, "kocho-no-pasuwaado", "kocho-no-pasuwaado", "推測されやすい"),
        (PASSWORD, PASSWORD, PASSWORD, "違うものに"),
    ],
)
def test_a_password_that_will_not_do_comes_back_with_the_reason(
    clerk: Clerk, old: str, new: str, again: str, words: str
) -> None:
    clerk.open("/account/password")
    clerk.send(old=old, new=new, again=again)
    assert clerk.status == 422
    assert words in clerk.page
    assert new not in clerk.page
