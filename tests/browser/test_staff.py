"""Staff write, send, watch and look after registrants in a real browser: phone and PC, script or none.

Both sites run in this process on loopback. Every page is judged (`seeing`); `SHOTS=folder` keeps pictures.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance import clock, db, delivery
from appliance import config as configuration
from appliance.config import Config
from appliance.delivery import Kind, Outcome, Reason, Result
from appliance.models import Address, Broadcast, Delivery, Registration
from appliance.record import seal, trust
from tests.browser import seeing
from tests.browser.seeing import WIDTHS, listening, opened
from tests.support.settings import write_settings
from tests.web.staff.ward import PASSWORD, Ward, standing
from web.admin.app import create_app as create_admin
from web.sender.app import create_app as create_sender

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


@pytest.fixture
def ward(furnished_sqlite_url: str, tmp_path: Path, secrets: Path) -> Iterator[Ward]:
    """The ward, with both staff sites listening on free ports."""
    with listening() as admin, listening() as sender:
        path = write_settings(tmp_path, furnished_sqlite_url)
        text = path.read_text(encoding="utf-8")
        text = text.replace("http://admin.midori.example", admin.origin("admin"))
        text = text.replace("http://sender.midori.example", sender.origin("sender"))
        text = text.replace(
            'name_en = "Midori Ward"', 'name_en = "Midori Ward"\ninquiry = "みどり区 03-0000-0000"'
        )
        path.write_text(text, "utf-8")
        (tmp_path / "secrets").symlink_to(secrets)
        config = configuration.load(path)
        db.connect(config)
        ready = standing(config)
        for server, app in ((admin, create_admin(config)), (sender, create_sender(config))):
            server.serve(app)
        yield ready
    db.vanish()


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def admin(browser: Browser, ward: Ward, width: str) -> Iterator[Page]:
    with opened(browser, ward.config.admin.origin, width) as page:
        yield page


@pytest.fixture
def sender(browser: Browser, ward: Ward, width: str) -> Iterator[Page]:
    with opened(browser, ward.config.sender.origin, width) as page:
        yield page


def login(page: Page, login_id: str) -> None:
    page.goto("/login")
    page.get_by_label("ID", exact=True).fill(login_id)
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_role("button", name="ログイン").click()


def step(page: Page) -> None:
    page.get_by_role("button", name=re.compile("次へ|保存して")).click()


def outcomes(config: Config) -> None:
    """The receivers have answered: two took it, one is busy, one refused."""
    now = clock.now()
    answers = {
        "docomo": Outcome(Kind.ACCEPTED, 250, "2.0.0"),
        "google": Outcome(Kind.ACCEPTED, 250, "2.0.0"),
        "au": Outcome(Kind.DEFERRED, 451, "4.7.0", Reason.NONE, uncertain=True),
        "softbank": Outcome(Kind.FAILED, 550, "5.1.1"),
    }
    delivery.settle(
        [
            Result(row.id, row.token, row.lane, row.attempts, "w1", outcome, now)
            for site, outcome in answers.items()
            for row in delivery.claim("w1", site, limit=20, lease_s=60, now=now)
        ]
    )


def write(page: Page, name: str, *, urgent: bool) -> int:
    """From the home page to the check page, judging each."""
    page.get_by_role("main").get_by_role("link", name="メールを書く").click()
    seeing.judge(page, f"{name}-1-kind")
    page.get_by_role("radio", name=re.compile("^緊急" if urgent else "^通常")).check()
    page.get_by_role("radio", name=re.compile("^防災")).check()
    step(page)
    seeing.judge(page, f"{name}-2-audience")
    page.get_by_role("radio", name=re.compile("^学級を選ぶ")).check()
    page.get_by_role("group", name="1年").get_by_label(re.compile("1年 1組")).check()
    page.get_by_role("group", name="1年").get_by_label(re.compile("1年 2組")).check()
    step(page)
    expect(page.get_by_label("本文")).to_have_value(re.compile("○○"))
    seeing.judge(page, f"{name}-3-text")
    page.get_by_label("件名").fill("大雨による登校について")
    page.get_by_label("本文").fill(
        "大雨警報のため、次のとおりとします。\n\n・登校: 10時まで、安全を確かめて\n・下校: いつもどおり\n"
    )
    step(page)
    return int(page.url.split("/")[-2])


def test_the_principal_sends_an_urgent_mail_from_a_phone_in_the_rain(sender: Page, ward: Ward) -> None:
    sender.goto("/")
    seeing.judge(sender, "sender-login")
    login(sender, "kocho")
    seeing.judge(sender, "sender-home")
    broadcast_id = write(sender, "sender", urgent=True)
    seeing.judge(sender, "sender-4-check")
    sender.get_by_role("button", name="送信する").click()
    expect(sender).to_have_title(re.compile("^エラー"))
    seeing.judge(sender, "sender-4-check-error")
    sender.get_by_label("宛先の数").fill("３")
    sender.get_by_role("button", name="送信する").dblclick()
    expect(sender.get_by_text("0 / 3").first).to_be_visible()
    assert Delivery.select().where(Delivery.broadcast == broadcast_id).count() == 3
    outcomes(ward.config)
    expect(sender.get_by_text("2 / 3").first).to_be_visible()  # refreshed by itself
    seeing.judge(sender, "sender-5-status")
    sender.get_by_role("link", name="まだ出ていない分を止める").click()
    seeing.judge(sender, "sender-6-stop")
    sender.get_by_role("button", name="止める").click()
    expect(sender.locator(".statusline").get_by_text("停止")).to_be_visible()
    seeing.judge(sender, "sender-7-stopped")
    sender.goto("/")
    seeing.judge(sender, "sender-home-after")
    sender.goto(f"/schools/{ward.school.id}/broadcasts")
    seeing.judge(sender, "sender-list")


def test_without_script_the_same_way_leads_there(browser: Browser, ward: Ward) -> None:
    with opened(browser, ward.config.sender.origin, "phone", java_script_enabled=False) as page:
        login(page, "kocho")
        page.get_by_role("main").get_by_role("link", name="メールを書く").click()
        page.get_by_role("radio", name=re.compile("^通常")).check()
        page.get_by_role("radio", name=re.compile("^行事")).check()
        step(page)
        page.get_by_role("radio", name=re.compile("^学校全体")).check()
        step(page)
        page.get_by_label("件名").fill("遠足の延期について")
        page.get_by_label("本文").fill("本日の遠足は、明日に延期します。")
        step(page)
        page.get_by_role("button", name="送信する").click()
        expect(page.get_by_text("0 / 4").first).to_be_visible()
        outcomes(ward.config)
        page.get_by_role("link", name="最新の状態にする").click()
        expect(page.get_by_text("2 / 4").first).to_be_visible()
    assert Broadcast.select().count() == 1


def test_staff_submit_and_the_principal_decides(browser: Browser, ward: Ward, width: str) -> None:
    with opened(browser, ward.config.admin.origin, width) as page:
        login(page, "sensei")
        broadcast_id = write(page, "admin", urgent=False)
        seeing.judge(page, "admin-4-submit")
        page.get_by_role("button", name="園長・校長に申請する").click()
        seeing.judge(page, "admin-5-submitted")
    with opened(browser, ward.config.admin.origin, width) as page:
        login(page, "kocho")
        seeing.judge(page, "admin-home")
        page.goto(f"/broadcasts/{broadcast_id}")
        seeing.judge(page, "admin-6-decide")
        page.get_by_role("link", name="差し戻す").click()
        seeing.judge(page, "admin-7-refuse")
        page.get_by_role("link", name="やめる").click()
        page.get_by_role("button", name="承認して送信する").click()
        seeing.judge(page, "admin-8-status")


def test_a_warning_of_personal_data(admin: Page) -> None:
    login(admin, "kocho")
    write(admin, "admin-w", urgent=False)
    admin.get_by_role("link", name="件名と本文を変更").click()
    admin.get_by_label("本文").fill("2年の鈴木翼さんの件で、03-1234-5678へ。")
    step(admin)
    admin.get_by_role("button", name="送信する").click()
    seeing.judge(admin, "admin-4-findings")


def test_registrants_are_looked_after(admin: Page, ward: Ward) -> None:
    login(admin, "kocho")
    admin.goto(f"/schools/{ward.school.id}")
    seeing.judge(admin, "admin-school")
    admin.goto(f"/schools/{ward.school.id}/registrants")
    seeing.judge(admin, "admin-registrants")
    admin.get_by_label("児童等の氏名で探す").fill("佐藤 健")
    admin.get_by_role("button", name="探す").click()
    seeing.judge(admin, "admin-search")
    admin.get_by_role("link", name="佐藤 健").click()
    seeing.judge(admin, "admin-registrant")
    here = admin.url
    for page in ("names", "class", "remove"):
        admin.goto(f"{here}/{page}")
        seeing.judge(admin, f"admin-{page}")
    admin.get_by_role("button", name="登録を消す").click()
    expect(admin.get_by_role("heading", name="登録を消しました")).to_be_visible()
    seeing.judge(admin, "admin-removed")


def test_the_other_pages_of_a_school(admin: Page, ward: Ward) -> None:
    login(admin, "kocho")
    for path, name in (
        (f"/schools/{ward.school.id}/classes", "classes"),
        (f"/classes/{ward.classes[3].id}/retire", "retire"),
        (f"/schools/{ward.school.id}/code", "code"),
        (f"/schools/{ward.school.id}/handout", "handout"),
        ("/account/password", "password"),
    ):
        admin.goto(path)
        seeing.judge(admin, f"admin-{name}")


def test_the_handout_is_one_sheet_of_a4(browser: Browser, ward: Ward, tmp_path: Path) -> None:
    with opened(browser, ward.config.admin.origin, "pc") as page:
        login(page, "kocho")
        page.goto(f"/schools/{ward.school.id}/handout")
        paper = page.pdf(format="A4", prefer_css_page_size=True, path=tmp_path / "handout.pdf")
        if folder := os.environ.get("SHOTS"):
            page.emulate_media(media="print")
            page.set_viewport_size({"width": 680, "height": 1009})  # A4 less its margins
            page.screenshot(path=f"{folder}/admin-handout-paper.png")
    pages = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert pages == 1


def test_the_ward_officer_and_who_has_two_schools(admin: Page) -> None:
    login(admin, "kutan")
    seeing.judge(admin, "admin-ward")
    admin.get_by_role("button", name="ログアウト").click()
    login(admin, "two")
    seeing.judge(admin, "admin-home-two")
    admin.goto("/broadcasts/new?asked=1")
    seeing.judge(admin, "admin-which-school")


def test_the_two_sites_are_told_apart_by_colour_and_name(browser: Browser, ward: Ward) -> None:
    bands = []
    for origin in (ward.config.admin.origin, ward.config.sender.origin):
        with opened(browser, origin) as page:
            page.goto("/login")
            colour = page.locator(".band").evaluate("band => getComputedStyle(band).backgroundColor")
            bands.append((colour, page.locator(".band__title").inner_text()))
    assert bands[0][0] != bands[1][0]
    assert [title for _, title in bands] == ["管理者サイト", "送信専用サイト"]


def test_a_delivery_test_and_an_address_in_doubt(admin: Page, ward: Ward) -> None:
    there = Registration.select().join(Address).where(Address.site == "softbank").get()
    Registration.update(doubted_at=clock.now(), doubt="refused").where(Registration.id == there.id).execute()
    login(admin, "two")
    admin.goto(f"/schools/{ward.school.id}/evidence")
    seeing.judge(admin, "admin-evidence")
    admin.get_by_role("button", name="毎月の配信テストを始める").click()
    expect(admin.get_by_text("自動で送っています")).to_be_visible()
    admin.get_by_role("button", name="配信テストを送る").click()
    seeing.judge(admin, "admin-test-check")
    admin.get_by_role("button", name="送信する").click()
    seeing.judge(admin, "admin-test-status")
    admin.goto(f"/registrants/{there.id}")
    seeing.judge(admin, "admin-doubt")
    admin.get_by_role("button", name="保護者のアドレスだと確かめた").click()
    expect(admin.get_by_role("button", name="保護者のアドレスだと確かめた")).to_have_count(0)


def test_a_ward_officer_looks_through_the_operation_record(admin: Page, ward: Ward) -> None:
    admin.goto("/")
    login(admin, "kocho")
    admin.goto(f"/schools/{ward.school.id}/registrants")
    admin.goto("/schools/99999")
    admin.goto("/")
    admin.get_by_role("button", name="ログアウト").click()
    login(admin, "kutan")
    seal.seal(ward.config, trust.sealer(ward.config), clock.now())
    admin.get_by_role("navigation", name="メニュー").get_by_role("link", name="操作記録").click()
    expect(admin.get_by_text("認められていない操作をしようとした")).to_be_visible()
    seeing.judge(admin, "records-1-latest")
    admin.get_by_role("main").get_by_role("link", name="探す").click()
    seeing.judge(admin, "records-2-search")
    admin.get_by_label("人のID").fill("dareka")
    admin.get_by_role("button", name="探す").click()
    seeing.judge(admin, "records-3-nobody")
    admin.get_by_label("人のID").fill("kocho")
    admin.get_by_label("操作", exact=True).select_option("registrations.listed")
    admin.get_by_role("button", name="探す").click()
    expect(admin.get_by_role("heading", level=1)).to_contain_text("操作記録")
    admin.get_by_role("main").locator("tbody a").first.click()
    expect(admin.get_by_text("番目に封印されています")).to_be_visible()
    seeing.judge(admin, "records-4-one")
    admin.goto("/records/download?act=login")
    seeing.judge(admin, "records-5-download")
    admin.get_by_role("radio", name=re.compile("^CSV")).check()
    with admin.expect_download() as waiting:
        admin.get_by_role("button", name="書き出す").click()
    assert waiting.value.suggested_filename.endswith(".csv")
