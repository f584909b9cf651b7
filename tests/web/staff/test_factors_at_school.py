"""A passkey made at the school's or the ward's PC, which many share, is its maker's own (R16, R21)."""

import pytest
from flask import Flask

from appliance.config import Config
from appliance.models import Factor
from tests.support.authenticator import Authenticator
from tests.web.staff.test_devices import at_school, options
from tests.web.staff.ward import Clerk, Ward, standing
from web.admin.app import create_app


@pytest.fixture
def ward(database: Config) -> Ward:
    """As in the field: devices are demanded, of ward officers a second factor, too."""
    devices = database.devices.model_copy(update={"required": True, "ward_networks": ["127.0.0.0/8"]})
    factors = database.factors.model_copy(update={"required_for": ["ward_officer", "operator"]})
    return standing(database.model_copy(update={"devices": devices, "factors": factors}))


@pytest.fixture
def admin(ward: Ward) -> Flask:
    return create_app(ward.config)


def with_passkey(admin: Flask, login_id: str) -> tuple[Clerk, Authenticator]:
    clerk = at_school(admin, login_id)
    clerk.open("/account/factors/passkey")
    key = Authenticator(admin.extensions["karamail.site"].origin)
    clerk.send(name="わたしの鍵", passkey=key.create(options(clerk)))
    assert "予備のコードを控えてください" in clerk.page
    return clerk, key


@pytest.mark.parametrize("login_id", ["kutan", "kocho"])
def test_it_is_asked_for_at_the_next_login_and_opens_it(admin: Flask, login_id: str) -> None:
    clerk, key = with_passkey(admin, login_id)
    clerk.open("/account/factors")
    assert "わたしの鍵" in clerk.page
    clerk.send("/logout")
    clerk.login(login_id)
    clerk.open("/")
    assert clerk.path == "/login/second"
    clerk.send("/login/second", proof__passkey=key.get(options(clerk)))
    assert clerk.path == "/"


def test_the_password_alone_opens_nothing_and_adds_no_other(admin: Flask) -> None:
    clerk, _ = with_passkey(admin, "kutan")
    clerk.send("/logout")
    clerk.login("kutan")
    clerk.open("/ward/devices")
    assert clerk.path == "/login/second"
    clerk.open("/account/factors/passkey")
    another = Authenticator(admin.extensions["karamail.site"].origin)
    clerk.send(name="よその鍵", passkey=another.create(options(clerk)))
    assert Factor.select().count() == 1
    clerk.open("/ward/devices")
    assert clerk.path == "/login/second"


def test_it_counts_at_another_of_these_devices_too(admin: Flask) -> None:
    _, key = with_passkey(admin, "kocho")
    elsewhere = at_school(admin, "kocho")
    elsewhere.open("/")
    assert elsewhere.path == "/login/second"
    elsewhere.send("/login/second", proof__passkey=key.get(options(elsewhere)))
    assert elsewhere.path == "/"
