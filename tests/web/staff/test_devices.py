"""The door before the login, and a device's way from the request to the first mail, on the real pages."""

import re
from html import unescape

import pytest
from flask import Flask

from appliance import clock, device
from appliance.account import throttle
from appliance.audit import Act
from appliance.config import Config
from appliance.models import Account, Audit, Device, LoginFailure
from tests.support.authenticator import Authenticator
from tests.web.staff.test_doors import address, rules
from tests.web.staff.ward import PASSWORD, Clerk, Ward, standing
from web.admin.app import create_app as create_admin
from web.sender.app import create_app as create_sender
from web.staff.admission import FILES

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_7 like Mac OS X) AppleWebKit/605.1.15 Version/16.7 Safari/604.1"
)


@pytest.fixture
def ward(database: Config) -> Ward:
    """Devices are required; 127.0.0.1, where the tests come from, is the school's network."""
    devices = database.devices.model_copy(
        update={"required": True, "school_networks": {1: ["127.0.0.1/32"]}, "minimum_os": {"ios": 17}}
    )
    return standing(database.model_copy(update={"devices": devices}))


@pytest.fixture
def admin(ward: Ward) -> Flask:
    return create_admin(ward.config)


@pytest.fixture
def sender(ward: Ward) -> Flask:
    return create_sender(ward.config)


def at_school(admin: Flask, login_id: str = "kocho") -> Clerk:
    """A school PC that is known already."""
    clerk = Clerk(admin)
    clerk.open("/enrol")
    code = device.first(admin.extensions["karamail.desk"].config, "職員室", None, clock.now())
    clerk.send("/enrol", code=code, login_id=login_id, password=PASSWORD)
    clerk.send()
    assert "端末を登録しました" in clerk.page, clerk.page
    return clerk


def options(clerk: Clerk) -> str:
    found = re.search(r'data-options="([^"]+)"', clerk.page)
    assert found is not None, clerk.page
    return unescape(found[1])


def test_a_device_that_nobody_knows_reaches_nothing_but_its_registration(admin: Flask, sender: Flask) -> None:
    for app in (admin, sender):
        clerk = Clerk(app)
        for rule, method in rules(app):
            if rule.endpoint in FILES or rule.endpoint.startswith("enrol."):
                continue
            response = clerk.client.open(address(app, rule, {}), method=method)
            assert response.status_code == 403, f"{method} {rule}"
            assert 'type="password"' not in response.text


def test_a_stranger_without_a_code_uses_up_nobodys_guesses(sender: Flask, ward: Ward) -> None:
    stranger = Clerk(sender)
    for _try in range(ward.config.account.failures_per_account_per_quarter_hour + 1):
        stranger.open("/enrol")
        stranger.send("/enrol", code="abcd-efgh", login_id="kocho", password="chigau")
        assert "登録コードが違うか" in stranger.page
    assert not LoginFailure.select().where(LoginFailure.login_hash != throttle.CODES).exists()


def test_whoever_tries_out_codes_has_to_wait_and_the_record_says_so(sender: Flask, ward: Ward) -> None:
    most = ward.config.account.failures_per_network_per_quarter_hour
    stranger = Clerk(sender)
    stranger.open("/enrol")
    for number in range(most):
        stranger.send("/enrol", code=f"aaaa-{number:04}", login_id="kocho", password="chigau")
        assert "登録コードが違うか" in stranger.page
    stranger.send("/enrol", code="aaaa-9999", login_id="kocho", password="chigau")
    assert stranger.status == 429
    assert "分ほど待ってから" in stranger.page
    refused = Audit.select().where(Audit.act == Act.LOGIN_REFUSED).order_by(Audit.id)
    assert [(row.result, row.account_id) for row in refused] == [("code", None), ("throttled", None)]


def test_a_pc_of_one_school_is_not_enrolled_in_the_staff_room_of_another(ward: Ward) -> None:
    """127.0.0.1 is the kindergarten's network here; the code is for a PC of the primary school."""
    networks = {ward.school.id: ["192.0.2.7/32"], ward.other.id: ["127.0.0.1/32"]}
    devices = ward.config.devices.model_copy(update={"school_networks": networks})
    config = ward.config.model_copy(update={"devices": devices})
    clerk = Clerk(create_admin(config))
    clerk.open("/enrol")
    code = device.first(config, "職員室", ward.school.id, clock.now())
    clerk.send("/enrol", code=code, login_id="kocho", password=PASSWORD)
    assert "その学校か区役所のネットワークにつないで" in clerk.page
    assert Device.get(Device.name == "職員室").state == "approved"
    assert Audit.get(Audit.act == Act.LOGIN_REFUSED).result == "other_school"


def test_from_a_strange_network_not_even_the_registration_opens(
    ward: Ward, admin: Flask, sender: Flask
) -> None:
    clerk = Clerk(admin)
    outside = {"REMOTE_ADDR": "8.8.8.8"}
    for path in ("/login", "/enrol", "/"):
        response = clerk.client.get(path, environ_base=outside)
        assert response.status_code == 403
        assert "学校または区役所のネットワーク" in response.text
        assert "登録コードを入力する" not in response.text
    assert Clerk(sender).client.get("/enrol", environ_base=outside).status_code == 200


def test_a_known_pc_in_a_strange_network_is_outside(admin: Flask) -> None:
    clerk = at_school(admin)
    clerk.open("/")
    assert clerk.status == 200
    assert clerk.client.get("/", environ_base={"REMOTE_ADDR": "8.8.8.8"}).status_code == 403


def test_people_of_another_school_are_sent_away_from_this_network(admin: Flask) -> None:
    clerk = at_school(admin, "encho")
    clerk.open("/")
    assert clerk.status == 403
    assert "あなたの学校のものではありません" in clerk.page
    encho = Account.get(Account.login_id == "encho")
    (refusal,) = Audit.select().where(Audit.act == Act.REFUSED)
    assert (refusal.account_id, refusal.result) == (encho.id, "other_school")
    assert refusal.device_id == Device.get().id


def test_a_teacher_s_phone_from_the_request_to_the_send_only_site(admin: Flask, sender: Flask) -> None:
    pc = at_school(admin)
    pc.open("/devices/request")
    pc.send(kind="own_phone", name="校長のiPhone", os="ios", os_version="16.2", statement="screen_lock")
    assert "iOS / iPadOS 17以上に更新してから" in pc.page
    pc.send(kind="own_phone", name="校長のiPhone", os="ios", os_version="18.1", statement="screen_lock")
    assert "承認待ち" in pc.page
    number = Device.get(Device.name == "校長のiPhone").id
    # The ward office's own network is not this one: the approval is told in tests/flows/test_devices.py.
    Device.update(state="approved").where(Device.id == number).execute()
    pc.open(f"/devices/{number}/code")
    pc.send()
    (path,) = re.findall(r"http://sender\.midori\.example(/enrol/[a-z2-7-]+)", pc.page)

    phone = Clerk(sender)
    phone.open(path)
    code = path.removeprefix("/enrol/")
    assert f'value="{code}"' in phone.page
    phone.send("/enrol", code=code, login_id="kocho", password="chigau")
    assert phone.status == 422
    phone.send("/enrol", code=code, login_id="kocho", password=PASSWORD)
    key = Authenticator("http://sender.midori.example")
    phone.send(passkey=key.create(options(phone)))
    (shown,) = re.findall(r"\d{4} \d{4} \d{4}", phone.page)
    pc.open("/devices")
    assert shown in pc.page
    phone.open("/")
    assert "メールを書く" in phone.page
    phone.send("/logout")
    phone.login("kocho")
    phone.send("/login/second", proof__passkey=key.get(options(phone)))
    assert phone.path == "/"
    phone.send("/logout")
    phone.login("sensei")
    assert "自分の端末を使ってください" in phone.page

    pc.open(f"/devices/{number}/revoke")
    pc.send()
    phone.open("/")
    assert phone.status == 403


def test_the_cookie_of_a_device_is_bound_to_its_host(sender: Flask, admin: Flask, ward: Ward) -> None:
    clerk = at_school(admin)
    cookie = clerk.client.get_cookie("karamail_admin_device", domain="admin.midori.example")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    other = Clerk(sender)
    other.client.set_cookie("karamail_sender_device", cookie.value, domain="sender.midori.example")
    other.open("/login")
    assert other.status == 403


def test_an_old_system_is_told_kindly_to_update(admin: Flask) -> None:
    clerk = at_school(admin)
    told = clerk.client.get("/", headers={"User-Agent": IPHONE}).text
    assert "iOS / iPadOSは古くなっています。17以上に更新" in told
    assert "メールを書く" in told
    assert (
        "古くなっています"
        not in clerk.client.get("/", headers={"User-Agent": IPHONE.replace("16_", "18_")}).text
    )
    hints = {"Sec-CH-UA-Platform": '"iOS"', "Sec-CH-UA-Platform-Version": '"16.1"'}
    assert "古くなっています" in clerk.client.get("/", headers=hints).text


def test_only_the_ward_office_sees_the_register(admin: Flask) -> None:
    clerk = at_school(admin)
    for path in ("/ward/devices", "/ward/devices/1", "/ward/factors", "/ward/factors/1"):
        clerk.open(path)
        assert clerk.status == 403


def test_the_ward_officer_approves_at_the_ward_office(database: Config) -> None:
    devices = database.devices.model_copy(update={"required": True, "ward_networks": ["127.0.0.0/8"]})
    ward = standing(database.model_copy(update={"devices": devices}))
    admin = create_admin(ward.config)
    officer, teacher = at_school(admin, "kutan"), at_school(admin)
    teacher.open("/devices/request")
    teacher.send(
        kind="own_pc", name="自宅", os="windows", os_version="11", statement=["firewall", "screen_lock"]
    )
    number = Device.get(Device.name == "自宅").id
    officer.open(f"/ward/devices/{number}")
    officer.send(decision="approve")
    assert Device.get_by_id(number).state == "approved"
    officer.open(f"/ward/devices/{number}")
    officer.send(decision="refuse")
    assert Device.get_by_id(number).state == "approved"
