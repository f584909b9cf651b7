"""The school year turns: devices are kept for another, and nobody stands before a closed site in April."""

from dataclasses import replace
from datetime import datetime

import pytest
import time_machine

from appliance import clock, device, enrolment, renewal
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.device import Request
from appliance.enrolment import Enrolled
from appliance.errors import NotAllowed, TextInvalid, WrongState
from appliance.models import Account, AccountSchool, Audit, Device
from tests.flows.proving import OFFICE, changed, inside
from tests.flows.test_devices import JAPAN, PHONE, approved, begin, code_for, config, enrolled
from tests.flows.ward import Ward

__all__ = ["config"]
_PC = Request("school", "職員室の2番", "windows", "11", firewall=True, screen_lock=True)


def on(morning: time_machine.Traveller, *day: int) -> None:
    morning.move_to(datetime(*day, 5, 50, tzinfo=JAPAN), tick=False)  # type: ignore[misc,arg-type]


@pytest.fixture
def phone(config: Config, morning: time_machine.Traveller) -> Enrolled:
    """Enrolled in June."""
    return enrolled(config)[0]


def known(phone: Enrolled) -> bool:
    return device.resolve(Zone.SENDER, phone.token, clock.now()) is not None


def row(phone: Enrolled) -> Device:
    return Device.get_by_id(phone.device.id)


def ask_and_decide(config: Config, phone: Enrolled, *, approve: bool) -> None:
    renewal.ask(config, inside(config), row(phone), PHONE, clock.now())
    renewal.decide(config, inside(config, "kutan"), [row(phone)], approve=approve, now=clock.now())


def test_a_storm_on_the_first_of_april_finds_everybody_at_a_device(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 4, 1)
    assert known(phone)
    on(morning, 2027, 4, 15)
    assert not known(phone)


def test_a_phone_is_kept_with_its_key_and_its_cookie(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 3, 10)
    teacher, officer = inside(config), inside(config, "kutan")
    assert renewal.due(config, row(phone), clock.now())
    stated = Request("own_phone", PHONE.name, "ios", "19.2", firewall=False, screen_lock=True)
    renewal.ask(config, teacher, row(phone), stated, clock.now())
    (asked,) = renewal.waiting(config, clock.now())
    assert (asked.id, asked.os_version, asked.holder.login_id) == (phone.device.id, "19.2", "sensei")
    renewal.decide(config, officer, [asked], approve=True, now=clock.now())
    assert renewal.waiting(config, clock.now()) == []
    assert not renewal.due(config, row(phone), clock.now())
    on(morning, 2028, 2, 1)
    assert known(phone)
    acts = [each.act for each in Audit.select().where(Audit.object_kind == "device").order_by(Audit.id)]
    assert acts[-2:] == ["device.renewal_asked", "device.renewed"]


def test_it_is_kept_in_the_days_of_grace_too(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 4, 10)
    ask_and_decide(config, phone, approve=True)
    on(morning, 2028, 4, 1)
    assert known(phone)


def test_what_the_ward_does_not_keep_ends_with_the_year(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 3, 10)
    ask_and_decide(config, phone, approve=False)
    assert renewal.due(config, row(phone), clock.now()), "it may be asked for once more"
    on(morning, 2027, 4, 15)
    assert not known(phone)


def test_before_march_there_is_nothing_to_ask(config: Config, phone: Enrolled) -> None:
    assert not renewal.due(config, row(phone), clock.now())
    with pytest.raises(WrongState):
        renewal.ask(config, inside(config), row(phone), PHONE, clock.now())


def test_more_days_of_grace_during_the_year_make_nobody_ask(config: Config, phone: Enrolled) -> None:
    assert not renewal.due(changed(config, "devices", grace_days=20), row(phone), clock.now())


def test_a_phone_that_was_given_back_is_not_kept(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 3, 10)
    teacher, officer = inside(config), inside(config, "kutan")
    renewal.ask(config, teacher, row(phone), PHONE, clock.now())
    device.revoke(teacher, row(phone), clock.now())
    assert renewal.waiting(config, clock.now()) == []
    with pytest.raises(WrongState):
        renewal.decide(config, officer, [row(phone)], approve=True, now=clock.now())


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        (Request("own_phone", "x", "ios", "16.7", firewall=False, screen_lock=True), "os_version"),
        (Request("own_phone", "x", "ios", "18", firewall=False, screen_lock=False), "screen_lock"),
    ],
)
def test_what_is_not_in_order_any_more_is_said_at_the_question(
    config: Config, phone: Enrolled, morning: time_machine.Traveller, stated: Request, field: str
) -> None:
    on(morning, 2027, 3, 10)
    with pytest.raises(TextInvalid) as invalid:
        renewal.ask(config, inside(config), row(phone), stated, clock.now())
    assert invalid.value.field == field


def test_another_s_phone_is_nobody_else_s_to_keep(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 3, 10)
    with pytest.raises(NotAllowed):
        renewal.ask(config, inside(config, "kyoto"), row(phone), PHONE, clock.now())
    with pytest.raises(NotAllowed, match="ward_officer_decides"):
        renewal.decide(config, inside(config), [row(phone)], approve=True, now=clock.now())


def test_a_school_s_pc_is_anybody_s_of_that_school_to_keep(
    config: Config, ward: Ward, morning: time_machine.Traveller
) -> None:
    """Who asked for it two years ago has gone to another school."""
    asked = replace(_PC, school_id=ward.school.id)
    found = approved(config, asked)
    enrolment.finish(config, begin(config, code_for(config, found), zone=Zone.ADMIN), "", clock.now())
    gone = Account.get(Account.login_id == "sensei")
    AccountSchool.update(school=ward.other).where(AccountSchool.account == gone).execute()
    on(morning, 2027, 3, 10)
    stranger = Actor(10**6, Role.STAFF, frozenset({ward.other.id}), Zone.ADMIN, network=OFFICE)
    with pytest.raises(NotAllowed):
        renewal.ask(config, stranger, Device.get_by_id(found.id), asked, clock.now())
    renewal.ask(config, inside(config, "kyoto"), Device.get_by_id(found.id), asked, clock.now())
    assert [each.id for each in renewal.waiting(config, clock.now())] == [found.id]


def test_many_are_decided_at_once_or_none(
    config: Config, phone: Enrolled, morning: time_machine.Traveller
) -> None:
    on(morning, 2027, 3, 10)
    other = enrolled(config)[0]
    Device.update(ends_at=row(phone).ends_at).where(Device.id == other.device.id).execute()
    renewal.ask(config, inside(config), row(phone), PHONE, clock.now())
    both = [row(phone), row(other)]
    with pytest.raises(WrongState):
        renewal.decide(config, inside(config, "kutan"), both, approve=True, now=clock.now())
    assert [each.id for each in renewal.waiting(config, clock.now())] == [phone.device.id]
