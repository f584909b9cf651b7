"""Login in two steps, and proving anew: what is carried through, and what is closed in between."""

import re
from datetime import timedelta
from html import unescape

import pyotp
import pytest
import time_machine
from flask import Flask

from appliance import clock
from appliance.account import report
from appliance.actor import Duty, Role
from appliance.config import Config
from appliance.models import Account, Broadcast, Delivery, Factor, PersonReport, StaffSession
from tests.support.authenticator import Authenticator
from tests.web.staff.reading import japanese_in
from tests.web.staff.test_doors import PUBLIC, address, rules
from tests.web.staff.ward import PASSWORD, Clerk, Ward, standing, write
from web.admin.app import create_app as create_admin
from web.sender.app import create_app as create_sender

HOUR, STEP = 3600, 30
OTHER = "kumo-ga-nagareru-oka-5"
MINUTES = 20 * 60
"""Longer than a proof is fresh, shorter than a session idles."""


@pytest.fixture
def ward(database: Config) -> Ward:
    """Ward officers need a second factor here."""
    factors = database.factors.model_copy(update={"required_for": ["ward_officer"]})
    return standing(database.model_copy(update={"factors": factors}))


@pytest.fixture(params=[create_admin, create_sender], ids=["admin", "sender"])
def app(request: pytest.FixtureRequest, ward: Ward) -> Flask:
    made: Flask = request.param(ward.config)
    return made


@pytest.fixture
def secret(app: Flask, ward: Ward) -> str:
    """The principal has an app with one-time codes."""
    clerk = Clerk(app)
    clerk.login("kocho")
    clerk.open("/account/factors/totp")
    found = re.search(r'name="secret" value="(\w+)"', clerk.page)
    assert found is not None
    clerk.send(code=pyotp.TOTP(found[1]).at(clock.now()))
    assert "予備のコードを控えてください" in clerk.page
    Factor.update(last_step=0).execute()  # the test need not wait for the next code
    return found[1]


def sent() -> int:
    """Mails of broadcasts; letters to those who registered are deliveries too."""
    return Delivery.select().where(Delivery.broadcast.is_null(False)).count()


def now_shown(secret: str) -> str:
    return pyotp.TOTP(secret).at(clock.now())


def options(clerk: Clerk) -> str:
    found = re.search(r'data-options="([^"]+)"', clerk.page)
    assert found is not None, clerk.page
    return unescape(found[1])


def held(clerk: Clerk, way: str) -> str:
    """The form of one way on the screen, and where it goes."""
    for action, inside in re.findall(
        r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', clerk.page, re.DOTALL
    ):
        if f"proof.{way}" in inside:
            clerk.page = inside
            return unescape(action)
    raise AssertionError(f"no form for {way}")


def enter_as_officer(clerk: Clerk) -> None:
    """The ward officer logs in for the first time, and adds an app with one-time codes."""
    clerk.login("kutan")
    assert clerk.path == "/account/factors/first"
    clerk.open("/account/factors/totp")
    found = re.search(r'name="secret" value="(\w+)"', clerk.page)
    assert found is not None
    clerk.send(code=now_shown(found[1]))


# --- the login


def test_between_the_steps_every_page_leads_to_the_second(app: Flask, secret: str) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    assert "本人であることを確かめます" in clerk.page
    token = clerk.page.split('name="csrf_token" value="')[1].split('"')[0]
    for rule, method in rules(app):
        if rule.endpoint in PUBLIC or rule.endpoint == "second_step.step":
            continue
        if rule.endpoint.startswith("factors.") and "factor_id" not in rule.arguments:
            continue
        path = address(app, rule, {})
        response = clerk.client.open(
            path, method=method, data={"csrf_token": token} if method == "POST" else None
        )
        if method == "GET":
            assert response.headers.get("Location", "").startswith("/login/second"), path
        else:
            assert response.status_code == 401, path
            assert "本人であることを確かめます" in response.text
    assert StaffSession.select().where(StaffSession.ended_at.is_null(False)).count() == 0


def test_a_code_opens_the_page_that_was_asked_for(app: Flask, secret: str) -> None:
    clerk = Clerk(app)
    clerk.open("/account/sessions")
    clerk.send("/login", login_id="kocho", password=PASSWORD)
    clerk.send("/login/second", proof__code="000000")
    assert clerk.status == 422
    assert "コードが違います" in clerk.page
    clerk.send(held(clerk, "code"), proof__code=now_shown(secret))
    assert clerk.path == "/account/sessions"


def test_a_text_is_carried_through_both_steps(app: Flask, secret: str) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    clerk.send(held(clerk, "code"), proof__code=now_shown(secret))
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    with time_machine.travel(clock.now().timestamp() + HOUR, tick=True):
        clerk.send(subject="大雨について", body="長い時間をかけて書いた文です。")
        clerk.send("/login", login_id="kocho", password=PASSWORD)
        assert "書いていた内容は、このあと" in clerk.page
        clerk.send(held(clerk, "code"), proof__code="000000")
        clerk.send(held(clerk, "code"), proof__code=now_shown(secret))
        assert "まだ保存していません" in clerk.page
        clerk.send(f"/broadcasts/{broadcast_id}/text")
    assert Broadcast.get_by_id(broadcast_id).body == "長い時間をかけて書いた文です。"


def test_a_ward_officer_without_a_factor_adds_one_and_is_in(app: Flask, ward: Ward) -> None:
    clerk = Clerk(app)
    clerk.login("kutan")
    assert clerk.path == "/account/factors/first"
    clerk.open("/")
    assert clerk.path == "/account/factors/first"
    clerk.open("/account/factors/passkey")
    key = Authenticator(app.extensions["karamail.site"].origin)
    clerk.send(name="庁舎のPC", passkey=key.create(options(clerk)))
    assert "予備のコードを控えてください" in clerk.page
    clerk.open("/")
    assert (clerk.status, clerk.path) == (200, "/")
    again = Clerk(app)
    again.login("kutan")
    again.send("/login/second", proof__passkey=key.get(options(again)))
    assert again.path == "/"


def test_who_has_a_factor_adds_none_between_the_steps(app: Flask, secret: str) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    clerk.open("/account/factors/passkey")
    key = Authenticator(app.extensions["karamail.site"].origin)
    clerk.send(name="x", passkey=key.create(options(clerk)))
    assert Factor.select().count() == 1
    clerk.open("/")
    assert clerk.path == "/login/second"


def test_recovery_codes_are_shown_once(app: Flask, secret: str) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    clerk.send(held(clerk, "code"), proof__code=now_shown(secret))
    clerk.open("/account/factors")
    clerk.send("/account/factors/codes")
    shown = re.findall(r"<code>([a-z2-7-]{19})</code>", clerk.page)
    assert len(shown) == 10
    clerk.open("/account/factors")
    assert shown[0] not in clerk.page
    again = Clerk(app)
    again.login("kocho")
    again.send(held(again, "recovery"), proof__recovery=shown[3])
    assert again.path == "/"


# --- proving anew


def test_a_mail_to_the_whole_school_right_after_the_login_asks_nothing_more(app: Flask, ward: Ward) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    write(clerk, urgent=True)
    clerk.send(typed="4")
    assert sent() == 4


def test_later_one_proof_sends_it_at_once_with_all_that_was_typed(app: Flask, ward: Ward) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    broadcast_id = write(clerk, urgent=True)
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        clerk.send(typed="４件")
        assert clerk.status == 401
        assert "確認できると、すぐに送ります" in clerk.page
        assert sent() == 0
        clerk.send(held(clerk, "password"), proof__password="chigau")
        assert clerk.status == 422
        assert "chigau" not in clerk.page
        assert sent() == 0
        clerk.send(held(clerk, "password"), proof__password=PASSWORD)
        assert clerk.path == f"/broadcasts/{broadcast_id}"
        assert sent() == 4


def test_the_question_can_be_read_in_english_and_then_answered(app: Flask, ward: Ward) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    write(clerk)
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        clerk.send()
        form = re.search(
            r'<form method="post" action="([^"]*lang=en[^"]*)">(.*?)</form>', clerk.page, re.DOTALL
        )
        assert form is not None
        clerk.page = form[2]
        clerk.send(unescape(form[1]))
        names = [row.display_name for row in Account.select()]
        assert japanese_in(clerk.page, [*names, ward.config.ward.name]) == []
        clerk.send(held(clerk, "password"), proof__password=PASSWORD)
        assert sent() == 4


def test_a_mail_to_one_class_asks_nothing_and_all_classes_one_by_one_are_the_whole_school(
    app: Flask, ward: Ward
) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    write(clerk, scope="classes", school_class=str(ward.classes[0].id))
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        clerk.send()
        assert sent() == 2
        every = [str(row.id) for row in ward.classes]
        write(clerk, scope="classes", school_class=every)
        clerk.send()
        assert clerk.status == 401


def test_the_call_sheet_and_a_removal_are_asked_for_anew(ward: Ward) -> None:
    clerk = Clerk(create_admin(ward.config))
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        clerk.open(f"/broadcasts/{broadcast_id}/call-sheet")
        assert (clerk.status, "山田" in clerk.page) == (401, False)
        clerk.send(held(clerk, "password"), proof__password="chigau")
        assert clerk.status == 422
        clerk.send(held(clerk, "password"), proof__password=PASSWORD)
        assert clerk.path == f"/broadcasts/{broadcast_id}/call-sheet"
        assert "山田" in clerk.page


def test_an_export_is_asked_for_anew_and_stays_the_one_that_was_asked_for(ward: Ward) -> None:
    clerk = Clerk(create_admin(ward.config))
    clerk.login("kansa")
    school = f"/records/download?school={ward.school.id}&act=login"
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        clerk.open(school)
        clerk.send(school, form="jsonl")
        assert clerk.status == 401
        action = held(clerk, "password")
        assert action == school
        clerk.send(action, proof__password=PASSWORD)
    assert clerk.status == 200
    assert clerk.page == ""  # nobody logs in for a school; all records are many


def test_who_lets_somebody_in_is_asked_anew_and_who_refuses_is_not(ward: Ward) -> None:
    clerk = Clerk(create_admin(ward.config))
    enter_as_officer(clerk)
    reports = [
        report.report(
            ward.actor(Role.PRINCIPAL, ward.school), login_id=login_id, display_name="教諭 新田 春香",
            role=Role.STAFF, duty=Duty.HANDLER, school_id=ward.school.id, now=clock.now(),
        ).id
        for login_id in ("t-1", "t-2")
    ]  # fmt: skip
    stopped = Account.get(Account.login_id == "sensei")
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        clerk.open(f"/reports/{reports[0]}")
        clerk.send(decision="refuse")
        assert (clerk.status, clerk.path) == (200, "/registers")
        clerk.open(f"/reports/{reports[1]}")
        clerk.send(decision="approve")
        assert clerk.status == 401
        clerk.open(f"/accounts/{stopped.id}/invitation")
        clerk.send()
        assert clerk.status == 401
        Account.update(state="suspended").where(Account.id == stopped.id).execute()
        clerk.open(f"/accounts/{stopped.id}")
        clerk.send(f"/accounts/{stopped.id}/resume")
        assert clerk.status == 401
    assert [PersonReport.get_by_id(number).state for number in reports] == ["refused", "reported"]
    assert Account.get_by_id(stopped.id).state == "suspended"


# --- beside an overdue password


@pytest.fixture
def overdue(ward: Ward) -> None:
    """Everybody's password is from long ago."""
    Account.update(password_changed_at=clock.now() - timedelta(days=400)).execute()


@pytest.mark.usefixtures("overdue")
def test_a_first_factor_comes_before_the_overdue_password_and_neither_traps_anybody(ward: Ward) -> None:
    clerk = Clerk(create_admin(ward.config))
    enter_as_officer(clerk)
    assert "予備のコード" in clerk.page
    clerk.open("/account/factors")
    assert clerk.path == "/account/factors"
    clerk.open("/records")
    assert clerk.path == "/account/password"
    clerk.send(old=PASSWORD, new=OTHER, again=OTHER)
    assert clerk.path == "/records"


@pytest.mark.usefixtures("overdue")
def test_a_page_that_asks_anew_opens_after_the_change_of_an_overdue_password(ward: Ward) -> None:
    clerk = Clerk(create_admin(ward.config))
    Account.update(password_changed_at=clock.now()).execute()
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    with time_machine.travel(clock.now().timestamp() + MINUTES, tick=True):
        Account.update(password_changed_at=clock.now() - timedelta(days=400)).execute()
        clerk.open(f"/broadcasts/{broadcast_id}/call-sheet")
        clerk.send(held(clerk, "password"), proof__password=PASSWORD)
        assert clerk.path == "/account/password"
        assert PASSWORD not in clerk.page
        clerk.send(old=PASSWORD, new=OTHER, again=OTHER)
        assert clerk.path == f"/broadcasts/{broadcast_id}/call-sheet"


def test_a_browser_is_known_only_after_the_second_step(app: Flask, secret: str) -> None:
    """Whoever has only the password must not be counted as the owner's own browser."""
    clerk = Clerk(app)
    clerk.login("kocho")
    assert not [name for _host, _path, name in clerk.client._cookies or {} if "known" in name]
    clerk.send(held(clerk, "code"), proof__code=now_shown(secret))
    assert [name for _host, _path, name in clerk.client._cookies or {} if "known" in name]


def test_every_weighty_act_in_the_table_is_a_view(ward: Ward) -> None:
    from web.staff.fresh import ACTS

    there = {(rule.endpoint, method) for rule, method in rules(create_admin(ward.config))}
    assert ACTS.keys() <= there
