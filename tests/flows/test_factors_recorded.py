"""What the operation record says of second factors and registered devices, and what ends with an account."""

import pyotp
import pytest
import time_machine

from appliance import account, clock, device, enrolment
from appliance.account import factor, handover, one_time, passkey, recovery
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.device import Request
from appliance.errors import FactorRefused
from appliance.models import Account, Audit, Device, RecoveryCode
from tests.flows.proving import (
    OFFICE,
    PASSWORD,
    add_app,
    add_key,
    between,
    changed,
    enter,
    inside,
    key_of,
    person,
)
from tests.flows.ward import Ward
from tests.support.authenticator import Authenticator

PHONE = Request("own_phone", "自分のiPhone", "ios", "18.1", firewall=False, screen_lock=True)


@pytest.fixture
def config(ward: Ward) -> Config:
    """A teacher has an app with one-time codes on the administration site."""
    teacher = person(ward)
    person(ward, "kutan", Role.WARD_OFFICER)
    made = one_time.fresh()
    add_app(ward.config, inside(ward.config), made, pyotp.TOTP(made).at(clock.now()))
    assert factor.of(teacher.id, Zone.ADMIN)
    return changed(ward.config, "account", failures_per_quarter_hour=3)


@pytest.fixture
def phone(config: Config) -> Device:
    """The teacher's, with the session that its enrolment opened."""
    asked = device.request(config, inside(config, zone=Zone.SENDER), PHONE, clock.now())
    device.decide(inside(config, "kutan"), asked, approve=True, now=clock.now())
    code = device.make_code(config, inside(config, zone=Zone.SENDER), asked, clock.now())
    token = enrolment.begin(config, Zone.SENDER, code, "sensei", PASSWORD, network=OFFICE, now=clock.now())
    who = account.enrolling_now(config, Zone.SENDER, token, network=OFFICE, now=clock.now())
    assert who is not None
    answer = key_of(config, who).create(passkey.ask_new(config, who, clock.now()))
    return enrolment.finish(config, who, answer, clock.now()).device


def refusals() -> list[tuple[int | None, str, str, str]]:
    return [
        (row.account_id, row.network, row.result, row.detail)
        for row in Audit.select().where(Audit.act == "factor.refused").order_by(Audit.id)
    ]


def test_wrong_codes_are_recorded_at_the_first_and_when_they_are_throttled(config: Config) -> None:
    for _ in range(5):
        with pytest.raises(FactorRefused):
            enter(config, between(config), "code", "000000")
    teacher = Account.get(Account.login_id == "sensei").id
    assert refusals() == [
        (teacher, OFFICE, "code", '{"way": "code"}'),
        (teacher, OFFICE, "throttled", '{"way": "code"}'),
    ]


def test_a_passkey_of_somebody_else_is_recorded_once_and_locks_nobody_out(
    config: Config, morning: time_machine.Traveller
) -> None:
    key = add_key(config, enter(config, between(config), "recovery", _a_code(config))[1])
    stranger = Authenticator(key.origin)
    for _ in range(5):
        who = between(config)
        with pytest.raises(FactorRefused):
            enter(config, who, "passkey", stranger.get(passkey.ask(config, who, clock.now()) or ""))
    assert [result for _, _, result, _ in refusals()] == ["passkey"]
    who = between(config)
    assert enter(config, who, "passkey", key.get(passkey.ask(config, who, clock.now()) or ""))


def test_what_is_done_on_a_registered_device_is_recorded_with_the_device(
    config: Config, phone: Device
) -> None:
    here = {row.device_id for row in Audit.select().where(Audit.act.in_(("login", "device.enrolled")))}
    assert phone.id in here
    opened = Audit.select().where(Audit.act == "login").order_by(Audit.id.desc()).get()
    assert (opened.device_id, opened.zone) == (phone.id, "sender")


@pytest.mark.parametrize("stopped", ["suspended", "ended"])
def test_with_an_account_end_its_factors_and_its_own_devices_and_a_suspension_keeps_them(
    config: Config, ward: Ward, phone: Device, stopped: str
) -> None:
    teacher, officer = Account.get(Account.login_id == "sensei"), inside(config, "kutan")
    assert isinstance(officer, Actor)
    if stopped == "suspended":
        handover.suspend(officer, teacher, clock.now())
    else:
        handover.end(officer, [teacher], ward.school.id, clock.now())
    over = stopped == "ended"
    assert (factor.of(teacher.id, Zone.ADMIN) == []) is over
    assert (RecoveryCode.select().where(RecoveryCode.account == teacher).count() == 0) is over
    assert (Device.get_by_id(phone.id).state == "revoked") is over
    assert Audit.select().where(Audit.act == "device.revoked").count() == over


def _a_code(config: Config) -> str:
    return recovery.renew(between(config), clock.now())[0]
