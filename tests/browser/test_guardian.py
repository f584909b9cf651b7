"""A guardian registers in a real browser: on a phone and on a PC, with and without JavaScript, by keyboard.

The site runs in this process on loopback, reached as `guardian.localhost`. Every page is judged (`seeing`).
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance import clock, confirmation, db, keystore, registration
from appliance import config as configuration
from appliance.config import Zone
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.models import Address, Delivery, Registration
from tests.browser import seeing
from tests.browser.seeing import WIDTHS, listening, opened
from tests.support.settings import write_settings
from tests.web.guardian.conftest import Ward, furnish
from web.guardian.app import create_app

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


@pytest.fixture
def ward(sqlite_url: str, tmp_path: Path, secrets: Path) -> Iterator[Ward]:
    """The ward, and its guardian site listening on a free port."""
    with listening() as server:
        path = write_settings(tmp_path, sqlite_url)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("http://guardian.midori.example", server.origin("guardian")), "utf-8")
        (tmp_path / "secrets").symlink_to(secrets)
        config = configuration.load(path)
        db.connect(config)
        ready = furnish(config)
        server.serve(create_app(config))
        yield ready
    db.vanish()


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, ward: Ward, request: pytest.FixtureRequest) -> Iterator[Page]:
    with opened(browser, ward.config.guardian.origin, request.param) as page:
        yield page


def judge(page: Page, name: str) -> None:
    seeing.judge(page, f"guardian-{name}")


def test_a_guardian_registers(page: Page, ward: Ward) -> None:
    page.goto(f"/r/{ward.invite()}")
    judge(page, "1-purpose")
    page.get_by_role("link", name="読みました。登録へ進む").click()
    judge(page, "2-class")
    page.get_by_role("group", name="1年").get_by_label("2組").check()
    page.get_by_role("button", name="次へ").click()
    judge(page, "3-names")
    page.get_by_label("お子さんの名前").fill("山田 花子")
    page.get_by_label("保護者の名前").fill("山田 太郎")
    page.get_by_role("button", name="次へ").click()
    judge(page, "4-check")
    expect(page.get_by_text("山田 花子")).to_be_visible()
    page.get_by_role("button", name="登録する").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("登録が終わりました")
    judge(page, "5-done")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("登録が終わりました")
    assert Registration.get().state == "confirmed"
    assert page.context.cookies() == []


def test_what_is_missing_is_said_where_it_is_missing(page: Page, ward: Ward) -> None:
    link = ward.invite()
    page.goto(f"/r/{link}/class")
    page.get_by_role("button", name="次へ").click()
    judge(page, "6-class-missing")
    expect(page).to_have_title("エラー： 学年と組 – 学校メールの登録")
    page.get_by_role("link", name="学年と組を選んでください。").click()
    page.keyboard.press("Space")
    page.get_by_role("button", name="次へ").click()
    page.get_by_label("保護者の名前").fill("山田 太郎" * 20)
    page.keyboard.press("Enter")
    expect(page.locator(".summary")).to_be_focused()
    judge(page, "7-names-wrong")
    expect(page.get_by_label("保護者の名前")).to_have_value("山田 太郎" * 20)


def test_changes_from_the_check_page_lose_nothing(page: Page, ward: Ward) -> None:
    page.goto(f"/r/{ward.invite()}/names?school_class={ward.classes[0].id}")
    page.get_by_label("お子さんの名前").fill("山田 花子")
    page.get_by_label("保護者の名前").fill("山田 太郎")
    page.get_by_role("button", name="次へ").click()
    page.get_by_role("button", name="変更 学年と組").click()
    page.get_by_role("group", name="2年").get_by_label("1組").check()
    page.get_by_role("button", name="次へ").click()
    expect(page.get_by_text("2年 1組")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check before you register")
    judge(page, "8-check-english")
    expect(page.get_by_text("山田 花子")).to_be_visible()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are registered")


def test_back_from_the_check_page_is_an_ordinary_page(page: Page, ward: Ward) -> None:
    """No «confirm form resubmission» on the way back to the question."""
    page.goto(f"/r/{ward.invite()}/class")
    page.get_by_label("1組").first.check()
    page.get_by_role("button", name="次へ").click()
    page.get_by_label("お子さんの名前").fill("山田 花子")
    page.get_by_label("保護者の名前").fill("山田 太郎")
    page.get_by_role("button", name="次へ").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("この内容で登録しますか")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("名前を書いてください")


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("/", "学校からのメールを受け取るための登録です"),
        ("/r/abc", "このリンクは、見つかりません"),
        ("/nothing", "ページが見つかりません"),
    ],
    ids=["home", "unknown", "404"],
)
def test_pages_beside_the_form(
    page: Page, address: str, heading: str, request: pytest.FixtureRequest
) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    judge(page, f"9-{request.node.callspec.id.split('-')[-1]}")


def test_a_phone_without_javascript_registers_by_keyboard_alone(browser: Browser, ward: Ward) -> None:
    context = browser.new_context(
        java_script_enabled=False, locale="ja-JP", base_url=ward.config.guardian.origin
    )
    page = context.new_page()
    page.goto(f"/r/{ward.invite()}/class")
    page.get_by_label("1組").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_label("お子さんの名前").focus()
    page.keyboard.type("山田 花子")
    page.keyboard.press("Tab")
    page.keyboard.type("山田 太郎")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="登録する").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("登録が終わりました")
    context.close()


def test_two_impatient_taps_register_once(browser: Browser, ward: Ward) -> None:
    context = browser.new_context(locale="ja-JP", base_url=ward.config.guardian.origin)
    page = context.new_page()
    page.goto(f"/r/{ward.invite()}/names?school_class={ward.classes[0].id}")
    page.get_by_label("お子さんの名前").fill("山田 花子")
    page.get_by_label("保護者の名前").fill("山田 太郎")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="登録する").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("登録が終わりました")
    context.close()


def test_an_address_in_doubt_is_proved_by_a_name(page: Page, ward: Ward) -> None:
    guardian, mail = (keystore.open_keyring(ward.config, zone) for zone in (Zone.GUARDIAN, Zone.MAIL))
    registration.confirm(
        guardian, ward.invite(), school_class_id=ward.classes[0].id, child_name="山田 花子",
        guardian_name="山田 太郎", now=clock.now(),
    )  # fmt: skip
    Registration.update(doubted_at=clock.now(), doubt="refused").execute()
    letters.queue(
        LetterKind.PROVE, Address.get(), now=clock.now(), life=timedelta(days=3),
        registration_id=Registration.get().id,
    )  # fmt: skip
    asking = Delivery.get(Delivery.kind == LetterKind.PROVE)
    page.goto(f"/k/{confirmation.token(mail.secret('unsubscribe.key'), asking.id)}")
    judge(page, "proof")
    page.get_by_label("お子さんの名前").fill("佐藤 健")
    page.get_by_role("button", name="確かめる").click()
    judge(page, "proof-wrong")
    page.get_by_label("お子さんの名前").fill("山田花子")
    page.get_by_role("button", name="確かめる").click()
    judge(page, "proof-done")
    expect(page.get_by_text("学校に伝わりました")).to_be_visible()
