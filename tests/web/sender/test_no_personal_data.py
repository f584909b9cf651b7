"""From a registered phone nobody handles registrants' personal data (R10): not seen, not possible."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask

from appliance import clock
from appliance.config import Zone
from appliance.errors import KeyRefused
from appliance.keys import Purpose, Slot
from appliance.models import Address, Child, Device, Factor, Registration, database
from tests.web.staff.ward import Clerk, Ward, write, write_for_ward

SEALED = re.compile(r"\b(name_sealed|guardian_name_sealed|sealed)\b")
PERSONAL = ("山田", "佐藤", "鈴木", "docomo.ne.jp", "gmail.com", "ezweb", "softbank.ne.jp")
WEB = Path(__file__).resolve().parents[3] / "web"


@pytest.fixture
def statements(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that reaches the database from here on."""
    seen: list[str] = []
    execute = database.obj.execute_sql

    def spy(sql: str, *rest: Any, **more: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest, **more)

    monkeypatch.setattr(database.obj, "execute_sql", spy)
    return seen


def own_account(clerk: Clerk) -> None:
    """Factors, sessions, devices; and what a device sees that nobody knows yet."""
    for page in (
        "/account", "/account/sessions", "/account/factors", "/account/factors/first", "/login/second",
        "/account/factors/passkey", "/devices",
    ):  # fmt: skip
        clerk.open(page)
    clerk.send("/confirm")
    clerk.open("/account/factors/totp")
    (secret,) = re.findall(r'name="secret" value="(\w+)"', clerk.page)
    clerk.send("/account/factors/totp", code=pyotp.TOTP(secret).now())
    for act in ("name", "remove"):
        clerk.open(f"/account/factors/{Factor.get().id}/{act}")
    clerk.send("/account/factors/codes")
    clerk.open("/devices/request")
    statement = {"statement": "screen_lock", "os": "ios", "os_version": "18"}
    clerk.send("/devices/request", kind="own_phone", name="iPhone", **statement)
    number = Device.get().id
    Device.update(state="approved").execute()
    clerk.open(f"/devices/{number}/code")
    ends_at = clock.now() + timedelta(days=1)
    Device.update(state="active", token_hash=b"x", ends_at=ends_at).execute()
    clerk.open(f"/devices/{number}/renewal")
    clerk.send(f"/devices/{number}/renewal", **statement)
    assert Device.get().renewal_at
    clerk.open(f"/devices/{number}/revoke")
    clerk.send("/account/sessions/end")
    clerk.send("/account/sessions/1/end")
    clerk.open("/enrol")
    clerk.send("/enrol", code="nothing", login_id="kocho", password="x")
    clerk.open("/enrol/key")


def test_no_page_reads_or_shows_personal_data(sender: Flask, statements: list[str]) -> None:
    """Every view of the site is asked for, and a broadcast is written, sent and stopped."""
    clerk = Clerk(sender)
    seen: set[str] = set()
    pages: list[str] = []

    @sender.before_request
    def note() -> None:
        from flask import request

        seen.add(request.endpoint or "")

    @sender.after_request
    def keep(response: Any) -> Any:
        if response.mimetype == "text/html":
            pages.append(response.get_data(as_text=True))
        return response

    for login_id in ("sensei", "kocho", "two", "kutan"):
        clerk.login(login_id)
        clerk.open("/broadcasts/new")
        clerk.open("/schools/1/broadcasts")
        clerk.send("/logout")
    clerk.login("kutan")
    of_ward = write_for_ward(clerk, urgent=True)
    clerk.open(f"/broadcasts/{of_ward}/check")
    clerk.send(typed="5")
    clerk.open(f"/broadcasts/{of_ward}")
    clerk.open("/ward/broadcasts")
    clerk.login("sensei")
    clerk.open(f"/broadcasts/{of_ward}")
    submitted = write(clerk)
    clerk.send()
    clerk.login("kocho")
    clerk.open(f"/broadcasts/{submitted}/refuse")
    clerk.send()
    clerk.open(f"/broadcasts/{submitted}")
    clerk.send(f"/broadcasts/{submitted}/again")
    sent = write(clerk, urgent=True)
    clerk.open(f"/broadcasts/{sent}/kind")
    clerk.send(urgent="yes", category="disaster")
    clerk.send(typed="4")
    for page in ("", "/progress", "/late", "/stop"):
        clerk.open(f"/broadcasts/{sent}{page}")
    clerk.send()
    clerk.open("/")
    clerk.open(f"/broadcasts/{submitted}")
    clerk.send("/resume", next=f"/broadcasts/{sent}", held__subject="件名")
    own_account(clerk)
    clerk.client.get("/healthz")
    clerk.client.get("/assets/karamail.css")
    clerk.client.get(re.findall(r'href="(/staff-assets[^"]+)"', clerk.page)[0])

    assert sender.view_functions.keys() - seen == set()
    assert len(statements) > 100
    assert [sql for sql in statements if SEALED.search(sql)] == []
    for text in pages:
        assert [word for word in PERSONAL if word in text] == []


def test_no_source_of_the_site_names_a_sealed_column() -> None:
    for room in ("sender", "staff", "common"):
        for path in (WEB / room).rglob("*"):
            if path.suffix in {".py", ".html"}:
                text = path.read_text(encoding="utf-8")
                assert not SEALED.search(text), path
                assert not re.search(r"import .*\b(Child|Registration|Address)\b", text), path
                assert "directory.registrants" not in text, path
                assert "directory import registrants" not in text, path


def test_the_keyring_of_the_site_opens_nothing(ward: Ward) -> None:
    keyring = ward.keyring(Zone.SENDER)
    child, address, registration = (row.select(row).get() for row in (Child, Address, Registration))
    for slot, sealed in (
        (Slot(Purpose.NAMES, "child", "name_sealed", ward.school.id, child.id), child.name_sealed),
        (
            Slot(Purpose.NAMES, "registration", "guardian_name_sealed", ward.school.id, registration.id),
            registration.guardian_name_sealed,
        ),
        (Slot(Purpose.ADDRESSES, "address", "sealed", ward.school.id, address.id), address.sealed),
    ):
        with pytest.raises(KeyRefused):
            keyring.open(slot, bytes(sealed))
    with pytest.raises(KeyRefused):
        keyring.index(Purpose.ADDRESSES, "taro..y@docomo.ne.jp")


@pytest.mark.parametrize(
    "path", ["/schools/1/registrants", "/registrants/1", "/schools/1/handout", "/schools/1"]
)
def test_pages_of_the_administration_site_do_not_exist_here(sender: Flask, path: str) -> None:
    clerk = Clerk(sender)
    clerk.login("kocho")
    clerk.open(path)
    assert clerk.status == 404
