"""April in a real browser: a teacher is reported, approved, invited; another moves; papers are printed."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing
from tests.browser.seeing import opened
from tests.browser.test_staff import admin, login, ward, width
from tests.web.staff.ward import Ward

pytestmark = [pytest.mark.chromium, pytest.mark.slow]
__all__ = ["admin", "ward", "width"]


def again(page: Page, login_id: str) -> None:
    page.get_by_role("button", name="ログアウト").click()
    login(page, login_id)


def report(page: Page) -> None:
    """The principal names a new teacher to the ward."""
    page.get_by_role("link", name="人と届出").click()
    page.get_by_role("link", name="人を届け出る").click()
    page.get_by_role("button", name="届け出る").click()
    seeing.judge(page, "people-report-error")
    page.get_by_label("職名と氏名").fill("教諭 新田 春香")
    page.get_by_label("ID", exact=True).fill("t-4021")
    page.get_by_role("radio", name=re.compile("^取扱者")).check()
    page.get_by_role("button", name="届け出る").click()
    seeing.judge(page, "people-reported")


def invite(page: Page) -> str:
    """The ward officer approves, and makes the paper; the link on it."""
    page.get_by_role("link", name="人と届出").click()
    seeing.judge(page, "registers")
    page.get_by_role("link", name="教諭 新田 春香").click()
    seeing.judge(page, "decide")
    page.get_by_role("button", name="承認する").click()
    seeing.judge(page, "person-invited")
    page.get_by_role("link", name="招待の紙を作る").click()
    seeing.judge(page, "invite")
    page.get_by_role("button", name="紙を作る").click()
    seeing.judge(page, "invitation-sheet")
    return page.locator(".invitation__link").inner_text().strip()


def test_a_new_teacher_comes_in_april(admin: Page, browser: Browser, ward: Ward, width: str) -> None:
    admin.goto("/")
    login(admin, "kocho")
    seeing.judge(admin, "home-reminders")
    report(admin)
    again(admin, "kutan")
    link = invite(admin)
    with opened(browser, ward.config.admin.origin, width) as theirs:
        theirs.goto(link)
        seeing.judge(theirs, "invitation")
        for label in ("新しいパスワード", "新しいパスワードをもう一度"):
            theirs.get_by_label(label, exact=True).fill("midori-shougakkou-2026")
        theirs.get_by_role("button", name="このパスワードに決める").click()
        seeing.judge(theirs, "invitation-guessable")
        for label in ("新しいパスワード", "新しいパスワードをもう一度"):
            theirs.get_by_label(label, exact=True).fill("kumo-ga-nagareru-oka-5")
        theirs.get_by_role("button", name="このパスワードに決める").click()
        theirs.goto(link)
        seeing.judge(theirs, "invitation-over")
        theirs.goto("/login")
        theirs.get_by_label("ID", exact=True).fill("t-4021")
        theirs.get_by_label("パスワード").fill("kumo-ga-nagareru-oka-5")
        theirs.get_by_role("button", name="ログイン").click()
        theirs.get_by_role("link", name=re.compile("研修がまだ")).click()
        seeing.judge(theirs, "training")
        theirs.get_by_role("checkbox").check()
        theirs.get_by_role("button", name="確認する").click()
        expect(theirs.get_by_role("note")).to_contain_text("研修は終わりました")
        seeing.judge(theirs, "training-done")


def test_people_move_in_april_and_the_papers_are_printed(admin: Page, ward: Ward) -> None:
    admin.goto("/")
    login(admin, "kutan")
    admin.goto(f"/schools/{ward.school.id}/people")
    seeing.judge(admin, "people")
    admin.get_by_role("link", name="届出書を印刷する").click()
    seeing.judge(admin, "register")
    admin.emulate_media(media="print")
    expect(admin.get_by_role("button", name="ログアウト")).to_be_hidden()
    expect(admin.get_by_role("heading", name=re.compile("届出書"))).to_be_visible()
    admin.emulate_media(media="screen")
    admin.goto(f"/schools/{ward.school.id}/handover")
    seeing.judge(admin, "handover")
    admin.get_by_role("checkbox", name=re.compile("林 二葉")).check()
    admin.get_by_role("radio", name=re.compile("^別の学校へ移す")).check()
    admin.get_by_role("button", name="異動を行う").click()
    seeing.judge(admin, "handover-error")
    admin.get_by_label("移る先の学校").select_option(label="わかば幼稚園")
    admin.get_by_role("button", name="異動を行う").click()
    seeing.judge(admin, "handed-over")
    admin.goto(f"/schools/{ward.other.id}/people")
    expect(admin.get_by_role("link", name="教諭 林 二葉")).to_be_visible()
    admin.get_by_role("link", name="教諭 林 二葉").click()
    admin.get_by_role("link", name="ログイン中の画面をすべて終える").click()
    seeing.judge(admin, "log-out")
    admin.get_by_role("button", name="ログインを終える").click()
    seeing.judge(admin, "logged-out")
    admin.get_by_role("link", name=re.compile("停止")).click()
    seeing.judge(admin, "suspend")
    for path, name in (
        ("/registers/training", "untrained"),
        ("/people/vendor", "vendor"),
        ("/registers/vendor", "vendor-register"),
    ):  # fmt: skip
        admin.goto(path)
        seeing.judge(admin, name)
    again(admin, "kansa")
    seeing.judge(admin, "auditor-home")
    again(admin, "itaku")
    seeing.judge(admin, "operator-home")
    admin.goto(f"/schools/{ward.school.id}/reason")
    seeing.judge(admin, "reason")
