"""The ward writes to all schools at once, in a real browser; a principal finds it among its mails."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing
from tests.browser.seeing import opened
from tests.browser.test_staff import admin, login, outcomes, step, ward, width
from tests.web.staff.ward import Ward

pytestmark = [pytest.mark.chromium, pytest.mark.slow]
__all__ = ["admin", "ward", "width"]


def test_one_mail_to_the_whole_ward(admin: Page, browser: Browser, ward: Ward, width: str) -> None:
    ward.register("kato@icloud.com", "加藤 蓮", "加藤 修", ward.classes[3])  # has a child at both schools
    admin.goto("/")
    login(admin, "kutan")
    admin.get_by_role("link", name="区からメールを送る").click()
    admin.get_by_role("radio", name=re.compile("^緊急")).check()
    admin.get_by_role("radio", name=re.compile("^防災")).check()
    step(admin)
    seeing.judge(admin, "ward-schools")
    step(admin)
    seeing.judge(admin, "ward-schools-error")
    admin.get_by_role("radio", name=re.compile("^区内のすべての学校")).check()
    step(admin)
    admin.get_by_label("件名").fill("台風による休校")
    admin.get_by_label("本文").fill("台風が近づいているため、本日は、区内のすべての学校を休校とします。")
    admin.get_by_role("button", name="保存して確かめる").click()
    expect(admin.locator(".target")).to_contain_text("区内のすべての学校(2校)")
    if width == "pc":
        line = "nav => new Set([...nav.querySelectorAll('a')].map(a => a.getBoundingClientRect().top)).size"
        assert admin.locator("header nav, nav").first.evaluate(line) == 1, "the menu is one line"
    admin.get_by_text("学校ごとの宛先の数").click()
    seeing.judge(admin, "ward-check")
    admin.get_by_label("宛先の数を入力してください").fill("5")
    admin.get_by_role("button", name="送信する").click()
    outcomes(ward.config)
    admin.reload()
    expect(admin.get_by_role("heading", name="学校ごと", exact=True)).to_be_visible()
    seeing.judge(admin, "ward-status")
    place = admin.url
    admin.goto("/")
    expect(admin.get_by_role("heading", name="区からの最近の配信")).to_be_visible()
    seeing.judge(admin, "ward-home")
    with opened(browser, ward.config.admin.origin, width) as school:
        school.goto("/")
        login(school, "encho")
        school.goto(f"/schools/{ward.other.id}/broadcasts")
        seeing.judge(school, "ward-mail-at-the-school")
        school.get_by_role("link", name="台風による休校").click()
        expect(school).to_have_url(place)
        expect(school.get_by_text("ここに出る数は、自分の学校の分です")).to_be_visible()
        expect(school.get_by_role("link", name="まだ出ていない分を止める")).to_have_count(0)
        seeing.judge(school, "ward-status-at-the-school")
