"""The staff sites in English: complete, on every page and in every answer, before and after the login."""

import re

import pytest
import time_machine
from flask import Flask

from appliance import account, clock, delivery
from appliance.account import report
from appliance.actor import Duty, Role
from appliance.broadcast import CATEGORIES, wording
from appliance.delivery import Kind, Outcome, Result
from appliance.models import (
    Account,
    Broadcast,
    Device,
    Factor,
    PersonReport,
    Registration,
    School,
    SchoolClass,
)
from tests.web.staff.reading import japanese_in
from tests.web.staff.test_doors import PUBLIC, address, rules
from tests.web.staff.ward import PASSWORD, Clerk, Ward, write, write_for_ward
from web.staff.samples import sample

PEOPLE = ("山田 花子", "山田 太郎", "山田 雪", "佐藤 健", "佐藤 恵", "鈴木 翼", "鈴木翼", "鈴木 勇")
ENGLISH = '<html lang="en"'


def data(ward: Ward) -> list[str]:
    """What people entered: it stays as it is."""
    texts = [line for row in Broadcast.select() for line in (row.subject, *row.body.splitlines())]
    for row in Broadcast.select():  # what is added to them is mail, too
        texts += [
            wording.subject_line(row.school or ward.config.ward, row),
            *wording.text(ward.config.ward, row.school, row).splitlines(),
        ]
    for kind in ("elementary", "kindergarten"):
        for category in CATEGORIES:
            given = sample(category, kind)
            texts += [given.subject, *given.body.splitlines()]
    classes = [part for row in SchoolClass.select() for part in (row.grade, row.label)]
    accounts = [row.display_name for row in (*Account.select(), *PersonReport.select())]
    return [*texts, *classes, *accounts, *PEOPLE, ward.config.ward.name, ward.config.ward.inquiry]


def broadcasts(app: Flask) -> list[int]:
    """One of every kind that a page can show."""
    clerk = Clerk(app)
    clerk.login("sensei")
    submitted, returned = write(clerk), 0
    clerk.send()
    returned = write(clerk)
    clerk.send()
    clerk.login("kocho")
    clerk.open(f"/broadcasts/{returned}/refuse")
    clerk.send()
    clerk.open("/broadcasts/new")
    clerk.send(urgent="yes", category="crime")
    begun = int(clerk.path.split("/")[2])
    draft = write(clerk, urgent=True, text="2年の鈴木翼さんは、03-1234-5678へ。")
    blank = write(clerk, text="○○が残っています。")
    stopped = write(clerk)
    clerk.send()
    clerk.open(f"/broadcasts/{stopped}/stop")
    clerk.send()
    gone = write(clerk)
    clerk.send()
    of_ward = broadcasts_of_ward(app)
    now = clock.now()
    answers = {
        "docomo": Outcome(Kind.ACCEPTED, 250, "2.0.0"),
        "au": Outcome(Kind.DEFERRED, 451, "4.7.0", uncertain=True),
        "softbank": Outcome(Kind.FAILED, 550, "5.1.1"),
    }
    delivery.settle(
        [
            Result(row.id, row.token, row.lane, row.attempts, "w1", outcome, now)
            for site, outcome in answers.items()
            for row in delivery.claim("w1", site, limit=20, lease_s=60, now=now)
        ]
    )
    return [submitted, returned, begun, draft, blank, stopped, gone, *of_ward]


def broadcasts_of_ward(app: Flask) -> list[int]:
    """One of which nobody said to whom, one before its check, one on its way."""
    clerk = Clerk(app)
    clerk.login("kutan")
    clerk.open("/broadcasts/new")
    clerk.send(urgent="yes", category="crime")
    begun = int(clerk.path.split("/")[2])
    ready = write_for_ward(clerk, scope="kinds", kind="kindergarten")
    gone = write_for_ward(clerk)
    clerk.send()
    return [begun, ready, gone]


def belongings(login_id: str, app: Flask) -> dict[str, int]:
    """A device and a factor of one's own."""
    mine = Account.get(Account.login_id == login_id)
    device = Device.create(
        kind="own_phone", state="approved", holder=mine, name="iPhone", os="ios", os_version="18",
        firewall=True, screen_lock=True, requested_at=clock.now(),
    )  # fmt: skip
    zone = app.extensions["karamail.site"].zone
    factor = Factor.create(
        account=mine, zone=zone, kind="totp", name="App", secret=b"x", created_at=clock.now()
    )
    return {
        "device_id": device.id,
        "factor_id": factor.id,
    }


def invited(ward: Ward) -> Account:
    """A teacher of みどり第一小学校 who has no password yet."""
    return account.add(
        ward.config, login_id="t-2", role=Role.STAFF, display_name="教諭 谷川 夏",
        school_ids=[ward.school.id], password=None, now=clock.now(),
    )  # fmt: skip


class Reader:
    """Judges pages, and knows what people entered."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self._entered: list[str] = []

    def read(self, clerk: Clerk) -> None:
        """The page that is on the screen."""
        fragment = clerk.page.startswith("<div")
        assert fragment or ENGLISH in clerk.page, clerk.path
        if japanese_in(clerk.page, self._entered):
            self._entered = data(self._ward)  # more has been entered since the last look
            assert japanese_in(clerk.page, self._entered) == [], clerk.path


OTHERS = {
    "kutan": {
        "registers.of_vendor", "registers.untrained", "people.vendor", "people.office",
        "people.report_for_vendor", "people.report_for_office", "reports.one",
        "records.latest", "records.find", "records.one", "records.download",
        "ward.broadcasts", "ward.begin", "ward.schools",
        "device_register.all", "device_register.decide", "device_register.renewals",
        "lost_factors.people", "lost_factors.reset",
    },
    "itaku": {"reason.ask"},
}  # fmt: skip
"""Pages that a principal never sees, and who does."""


@pytest.mark.parametrize("login_id", ["kocho", "sensei", "kutan", "two", "itaku", "kansa"])
def test_every_page_and_every_refusal_is_in_english(app: Flask, ward: Ward, login_id: str) -> None:
    numbers = broadcasts(app)
    clerk, reader = Clerk(app), Reader(ward)
    clerk.open("/login?lang=en")
    reader.read(clerk)
    clerk.send("/login", login_id=login_id, password="chigau")
    reader.read(clerk)
    clerk.send("/login", login_id=login_id, password=PASSWORD)
    reader.read(clerk)
    shown = set()
    own = belongings(login_id, app)
    registered = Registration.get(Registration.school == ward.school)
    named = report.report(
        ward.actor(Role.PRINCIPAL, ward.school), login_id="t-1", display_name="教諭 新田 春香",
        role=Role.STAFF, duty=Duty.HANDLER, school_id=ward.school.id, now=clock.now(),
    )  # fmt: skip
    someone = invited(ward)
    for rule, method in sorted(rules(app), key=lambda pair: pair[1]):  # GET before POST: one of them removes
        if rule.endpoint in PUBLIC or rule.endpoint == "session.logout":
            continue
        for number in numbers if "broadcast_id" in rule.arguments else (0,):
            ids = {
                "broadcast_id": number,
                "school_id": ward.school.id,
                "school_class_id": ward.classes[0].id,
                "registration_id": registered.id,
                **own,
                "account_id": someone.id,
                "report_id": named.id,
            }
            path = address(app, rule, ids)
            if method == "GET":
                clerk.open(path)
            else:  # an empty form: what is missing is said in English too
                clerk.open(path) if "GET" in (rule.methods or ()) else clerk.open("/")
                before = clerk.page
                clerk.send(path)
                if clerk.status == 404:
                    clerk.page = before
            if clerk.status == 200:
                shown.add(rule.endpoint)
            if "html" in clerk.page[:200] or clerk.page.startswith("<div"):
                reader.read(clerk)
    if login_id == "kocho":
        views = {rule.endpoint for rule, method in rules(app) if method == "GET"} - PUBLIC
        assert views - shown == set().union(*OTHERS.values()) & app.view_functions.keys()
    assert OTHERS.get(login_id, set()) & app.view_functions.keys() <= shown


def test_the_language_chosen_before_the_login_holds_after_it_and_after_the_logout(clerk: Clerk) -> None:
    clerk.open("/login")
    way = re.search(r'<a href="([^"]+)" lang="en"', clerk.page)
    assert way is not None
    clerk.open(way[1].replace("&amp;", "&"))
    assert "Log in" in clerk.page
    clerk.send("/login", login_id="kocho", password=PASSWORD)
    assert "Write a message" in clerk.page
    clerk.send("/logout")
    assert "Log in" in clerk.page
    clerk.open("/login?lang=ja")
    assert "ログイン" in clerk.page


def test_every_page_offers_the_other_language_by_a_plain_link(app: Flask, ward: Ward) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    for path in ("/login", "/", "/broadcasts/new", f"/schools/{ward.school.id}/broadcasts"):
        for language, name in (("en", "English"), ("ja", "日本語")):
            clerk.open(path)
            (way,) = re.findall(rf'<a href="([^"]+)" lang="{language}" hreflang="\w+">{name}</a>', clerk.page)
            clerk.open(way.replace("&amp;", "&"))
            assert f'<html lang="{language}"' in clerk.page


def test_a_page_that_is_not_there_says_so_in_both_languages_the_reader_s_first(clerk: Clerk) -> None:
    clerk.login("kocho")
    for language, first, second in (
        ("ja", "ページが見つかりません", "Page not found"),
        ("en", "Page not found", "ページが見つかりません"),
    ):
        clerk.open(f"/nowhere?lang={language}")
        assert '<a class="link" href="/">' in clerk.page  # and how to go on
        assert f"<h1>{first}</h1>" in clerk.page
        assert f"<h2>{second}</h2>" in clerk.page


def other_language(clerk: Clerk) -> None:
    """Presses the button of the other language, on a page that was posted to."""
    form = re.search(r'<form method="post" action="([^"]*lang=en[^"]*)">(.*?)</form>', clerk.page, re.DOTALL)
    assert form is not None
    clerk.page = form[2]
    clerk.send(form[1].replace("&amp;", "&"))


def test_a_text_that_is_too_long_is_still_there_in_the_other_language(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    clerk.send(subject="件名", body="長" * 4001)
    other_language(clerk)
    assert "The text can have up to 4000 characters." in clerk.page
    assert "長" * 4001 in clerk.page


def test_a_text_written_while_the_session_ended_survives_a_change_of_language(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    with time_machine.travel(clock.now().timestamp() + 3600, tick=True):
        clerk.send(subject="大雨について", body="長い時間をかけて書いた文です。")
        other_language(clerk)
        assert "you can save what you were writing" in clerk.page
        clerk.send("/login", login_id="kocho", password="chigau")
        assert "is not right" in clerk.page
        clerk.send("/login", login_id="kocho", password=PASSWORD)
        assert "not saved yet" in clerk.page
        clerk.send(f"/broadcasts/{broadcast_id}/text")
    assert Broadcast.get_by_id(broadcast_id).body == "長い時間をかけて書いた文です。"


def test_the_page_that_saves_what_was_written_changes_its_language_too(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    with time_machine.travel(clock.now().timestamp() + 3600, tick=True):
        clerk.send(subject="大雨について", body="書いた文です。")
        clerk.send("/login", login_id="kocho", password=PASSWORD)
        other_language(clerk)
        assert "What you wrote before is not saved yet." in clerk.page
        clerk.send(f"/broadcasts/{broadcast_id}/text")
    assert Broadcast.get_by_id(broadcast_id).body == "書いた文です。"


def test_why_something_is_refused_is_said_in_both_languages(clerk: Clerk) -> None:
    clerk.login("kutan")
    clerk.open("/schools/1/broadcasts/new")
    assert clerk.status == 403
    assert "園長・校長または教職員が行います" in clerk.page
    assert "This is done by the principal or staff of the school." in clerk.page


def test_a_school_is_called_by_its_name_in_the_reader_s_language(clerk: Clerk, ward: Ward) -> None:
    clerk.open("/login?lang=en")
    clerk.send("/login", login_id="kocho", password=PASSWORD)
    assert "Midori Daiichi Elementary School" in clerk.page
    School.update(name_en="").where(School.id == ward.school.id).execute()
    clerk.open("/")
    assert "みどり第一小学校" in clerk.page


def test_the_text_itself_stays_as_its_author_wrote_it(clerk: Clerk) -> None:
    clerk.open("/login?lang=en")
    clerk.send("/login", login_id="kocho", password=PASSWORD)
    broadcast_id = write(clerk)
    assert "本日は、短縮授業です。" in clerk.page
    clerk.send()
    assert Broadcast.get_by_id(broadcast_id).subject == "短縮授業について"
