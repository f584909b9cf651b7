"""Passkeys in a real browser: Chromium's virtual authenticator, by the pages and script that people get."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance import clock, db
from appliance import config as configuration
from appliance.models import Account, Delivery, Device, Factor, StaffSession
from tests.browser import seeing
from tests.browser.seeing import WIDTHS, listening, opened
from tests.support.settings import write_settings
from tests.web.staff.ward import PASSWORD, Ward, standing
from web.admin.app import create_app as create_admin
from web.sender.app import create_app as create_sender

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


@pytest.fixture
def ward(furnished_sqlite_url: str, tmp_path: Path, secrets: Path) -> Iterator[Ward]:
    """The ward with both sites listening; ward officers need a second factor."""
    with listening() as admin, listening() as sender:
        path = write_settings(tmp_path, furnished_sqlite_url)
        text = path.read_text(encoding="utf-8")
        text = text.replace("http://admin.midori.example", admin.origin("admin"))
        text = text.replace("http://sender.midori.example", sender.origin("sender"))
        text = text.replace("required_for = []", 'required_for = ["ward_officer"]')
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


@contextmanager
def with_key(page: Page, *, verifies: bool = True) -> Iterator[None]:
    """The page's device has an authenticator that knows its user."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": verifies,
                "automaticPresenceSimulation": True,
            }
        },
    )
    yield


def login(page: Page, login_id: str) -> None:
    page.goto("/login")
    page.get_by_label("ID", exact=True).fill(login_id)
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_role("button", name="ログイン").click()


def add_key(page: Page) -> None:
    page.goto("/account/factors/passkey")
    page.get_by_label("呼び名").fill("職員室のPC")
    page.get_by_role("button", name="パスキーを登録する").click()
    expect(page.get_by_role("heading", name="予備のコードを控えてください")).to_be_visible()


def test_a_ward_officer_adds_a_passkey_and_logs_in_with_it(browser: Browser, ward: Ward, width: str) -> None:
    with opened(browser, ward.config.admin.origin, width) as page, with_key(page):
        login(page, "kutan")
        seeing.judge(page, "factors-1-first")
        page.goto("/account/factors/passkey")
        seeing.judge(page, "factors-2-passkey")
        page.goto("/account/factors/totp")
        seeing.judge(page, "factors-3-totp")
        add_key(page)
        seeing.judge(page, "factors-4-codes")
        page.get_by_role("link", name="控えました。続ける").click()
        page.get_by_role("button", name="ログアウト").click()
        login(page, "kutan")
        seeing.judge(page, "factors-5-second")
        page.get_by_role("button", name="確認してログインする").first.click()
        expect(page.get_by_role("button", name="ログアウト")).to_be_visible()
        for path, name in (
            ("/account", "account"),
            ("/account/factors", "factors"),
            (f"/account/factors/{Factor.get().id}/remove", "remove"),
            (f"/account/factors/{Factor.get().id}/name", "name"),
            ("/account/sessions", "sessions"),
            ("/ward/factors", "people"),
            (f"/ward/factors/{Account.get(Account.login_id == 'sensei').id}", "reset"),
            ("/ward/devices", "register-empty"),
        ):
            page.goto(path)
            seeing.judge(page, f"factors-6-{name}")


def test_an_authenticator_that_does_not_know_its_user_adds_nothing(browser: Browser, ward: Ward) -> None:
    with opened(browser, ward.config.admin.origin, "phone") as page, with_key(page, verifies=False):
        login(page, "kocho")
        page.goto("/account/factors/passkey")
        page.get_by_role("button", name="パスキーを登録する").click()
        expect(page.get_by_role("alert")).to_be_visible()
        seeing.judge(page, "factors-7-failed")
        assert Factor.select().count() == 0


def test_an_urgent_mail_to_the_whole_school_costs_one_touch_more(
    browser: Browser, ward: Ward, width: str
) -> None:
    with opened(browser, ward.config.sender.origin, width) as page, with_key(page):
        login(page, "kocho")
        add_key(page)
        page.goto("/broadcasts/new")
        page.get_by_role("radio", name=re.compile("^緊急")).check()
        page.get_by_role("radio", name=re.compile("^防災")).check()
        page.get_by_role("button", name=re.compile("次へ|保存して")).click()
        page.get_by_role("radio", name=re.compile("^学校全体")).check()
        page.get_by_role("button", name=re.compile("次へ|保存して")).click()
        page.get_by_label("件名").fill("大雨による登校について")
        page.get_by_label("本文").fill("大雨警報のため、10時までに、安全を確かめて登校してください。")
        page.get_by_role("button", name=re.compile("次へ|保存して")).click()
        page.get_by_label("宛先の数").fill("4")
        StaffSession.update(confirmed_at=clock.now().replace(year=2020)).execute()
        page.get_by_role("button", name="送信する").click()
        expect(page.get_by_role("heading", name="本人であることを、もう一度確かめます")).to_be_visible()
        seeing.judge(page, "factors-8-confirm")
        page.get_by_role("button", name="確認して送信する").first.click()
        expect(page.get_by_text("0 / 4").first).to_be_visible()
        assert Delivery.select().where(Delivery.broadcast.is_null(False)).count() == 4


def test_without_script_a_one_time_code_does_the_same(browser: Browser, ward: Ward) -> None:
    import pyotp

    with opened(browser, ward.config.admin.origin, "phone", java_script_enabled=False) as page:
        login(page, "kocho")
        page.goto("/account/factors/totp")
        secret = page.locator("input[name=secret]").get_attribute("value") or ""
        page.get_by_label("6桁のコード").fill(pyotp.TOTP(secret).at(clock.now()))
        page.get_by_role("button", name="認証アプリを登録する").click()
        page.get_by_role("link", name="控えました。続ける").click()
        page.get_by_role("button", name="ログアウト").click()
        Factor.update(last_step=0).execute()
        login(page, "kocho")
        page.get_by_label("認証アプリに出ている6桁のコード").fill(pyotp.TOTP(secret).at(clock.now()))
        page.get_by_role("button", name="確認してログインする").first.click()
        expect(page.get_by_role("button", name="ログアウト")).to_be_visible()


def test_a_phone_is_requested_approved_and_registered(browser: Browser, ward: Ward, width: str) -> None:
    with (
        opened(browser, ward.config.admin.origin, width) as pc,
        opened(browser, ward.config.sender.origin, "phone") as phone,
        with_key(phone),
    ):
        login(pc, "kocho")
        pc.goto("/devices/request")
        pc.get_by_role("button", name="届け出る").click()
        seeing.judge(pc, "devices-1-request")
        pc.get_by_role("radio", name=re.compile("^自分のスマートフォン")).check()
        pc.get_by_label("呼び名").fill("校長のスマートフォン")
        pc.get_by_label("OS", exact=True).select_option("android")
        pc.get_by_label("OSのバージョン").fill("15")
        pc.get_by_role("checkbox", name=re.compile("^画面ロック")).check()
        pc.get_by_role("button", name="届け出る").click()
        seeing.judge(pc, "devices-2-mine")
        Device.update(state="approved").execute()
        number = Device.get().id
        pc.goto(f"/devices/{number}/code")
        seeing.judge(pc, "devices-3-ask")
        pc.get_by_role("button", name="登録コードを出す").click()
        seeing.judge(pc, "devices-4-code")
        phone.goto(pc.locator("p.break").inner_text())
        seeing.judge(phone, "devices-5-enrol")
        phone.get_by_label("ID", exact=True).fill("kocho")
        phone.get_by_label("パスワード").fill(PASSWORD)
        phone.get_by_role("button", name="次へ").click()
        seeing.judge(phone, "devices-6-key")
        phone.get_by_role("button", name="この端末を登録する").click()
        expect(phone.get_by_text("確認番号", exact=True)).to_be_visible()
        seeing.judge(phone, "devices-7-enrolled")
        pc.goto("/devices")
        shown = phone.locator(".fingerprint").inner_text()
        expect(pc.get_by_text(shown)).to_be_visible()
        seeing.judge(pc, "devices-8-matched")
        phone.get_by_role("link", name="続ける").click()
        phone.get_by_role("button", name="ログアウト").click()
        login(phone, "kocho")
        phone.get_by_role("button", name="確認してログインする").click()
        expect(phone.get_by_role("main").get_by_role("link", name="メールを書く")).to_be_visible()
        Device.update(ends_at=clock.now() + timedelta(days=10)).execute()
        phone.goto("/")
        seeing.judge(phone, "devices-8a-ends")
        phone.get_by_role("complementary").get_by_role("link", name="届け出る").click()
        phone.get_by_label("OS", exact=True).select_option("android")
        phone.get_by_label("OSのバージョン").fill("16")
        phone.get_by_role("button", name="届け出る").click()
        seeing.judge(phone, "devices-8b-stated")
        phone.get_by_role("checkbox", name=re.compile("^画面ロック")).check()
        phone.get_by_role("button", name="届け出る").click()
        expect(phone.get_by_text("区の担当者が承認すると、そのまま使えます。")).to_be_visible()
        seeing.judge(phone, "devices-8c-asked")
        with opened(browser, ward.config.admin.origin, width) as office, with_key(office):
            login(office, "kutan")
            add_key(office)
            office.goto("/ward/devices")
            expect(office.get_by_text(shown)).to_be_visible()
            seeing.judge(office, "devices-8d-register")
            office.get_by_role("link", name=re.compile("^続けて使う届出")).click()
            seeing.judge(office, "devices-8e-renewals")
            office.get_by_role("button", name="選んだ端末を承認する").click()
            expect(office.get_by_text("承認を待っている届出はありません。")).to_be_visible()
        phone.goto("/devices")
        expect(phone.get_by_role("complementary")).to_have_count(0)
        pc.goto(f"/devices/{number}/revoke")
        seeing.judge(pc, "devices-9-revoke")
        pc.get_by_role("button", name="使えなくする").click()
        phone.goto("/")
        expect(phone.get_by_role("button", name="ログイン")).to_be_visible()
