"""端末の届出: from the request to the end of the school year, and who gets in from where."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine

from appliance import access, account, admission, clock, device, enrolment
from appliance.account import handover, invitation, passkey, second_step
from appliance.account.second_step import Proof
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.device import Request
from appliance.errors import (
    DeviceRefused,
    FactorRefused,
    LoginRefused,
    NotAllowed,
    NotYours,
    TextInvalid,
    WrongState,
)
from appliance.models import Account, Audit, Device
from tests.flows.proving import OFFICE, PASSWORD, changed, inside, key_of, keyring, login, person
from tests.flows.ward import Ward, together
from tests.support.authenticator import Authenticator

JAPAN = timezone(timedelta(hours=9))
PHONE = Request("own_phone", "自分のiPhone", "ios", "18.1", firewall=False, screen_lock=True)


@pytest.fixture
def config(ward: Ward) -> Config:
    """A teacher, a colleague, a ward officer; iOS before 17 is too old."""
    for login_id, role in (("sensei", Role.STAFF), ("kyoto", Role.STAFF), ("kutan", Role.WARD_OFFICER)):
        person(ward, login_id, role)
    networks = {ward.school.id: ["192.0.2.0/24"], ward.other.id: ["198.51.100.0/24"]}
    return changed(
        ward.config, "devices", required=True, minimum_os={"ios": 17}, ward_networks=["203.0.113.0/24"],
        school_networks=networks,
    )  # fmt: skip


def approved(config: Config, asked: Request = PHONE) -> Device:
    made = device.request(config, inside(config), asked, clock.now())
    device.decide(inside(config, "kutan"), made, approve=True, now=clock.now())
    return Device.get_by_id(made.id)


def code_for(config: Config, found: Device) -> str:
    return device.make_code(config, inside(config), found, clock.now())


def begin(
    config: Config, code: str, login_id: str = "sensei", zone: Zone = Zone.SENDER, network: str = OFFICE
) -> account.Halfway:
    token = enrolment.begin(config, zone, code, login_id, PASSWORD, network=network, now=clock.now())
    assert account.resolve(config, zone, token, network=network, now=clock.now()) is None
    who = account.enrolling_now(config, zone, token, network=network, now=clock.now())
    assert who is not None
    return who


def enrolled(config: Config, **kind: bool) -> tuple[enrolment.Enrolled, Authenticator]:
    who = begin(config, code_for(config, approved(config)))
    key = key_of(config, who, **kind)
    return enrolment.finish(
        config, who, key.create(passkey.ask_new(config, who, clock.now())), clock.now()
    ), key


# --- asking


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "あ" * 41}, "name"),
        ({"os_version": "latest"}, "os_version"),
        ({"os_version": "16.7"}, "os_version"),
        ({"screen_lock": False}, "screen_lock"),
        ({"kind": "own_pc"}, "firewall"),
        ({"kind": "school", "firewall": True}, "school"),
    ],
)
def test_a_statement_that_will_not_do_is_asked_again(
    config: Config, wrong: dict[str, object], field: str
) -> None:
    stated = {name: getattr(PHONE, name) for name in PHONE.__slots__}
    with pytest.raises(TextInvalid) as refusal:
        device.request(config, inside(config), Request(**{**stated, **wrong}), clock.now())
    assert refusal.value.field == field
    assert Device.select().count() == 0


def test_nobody_asks_for_a_device_of_another_school(config: Config, ward: Ward) -> None:
    asked = Request("school", "職員室", "windows", "11", True, True, school_id=ward.other.id)
    with pytest.raises(TextInvalid):
        device.request(config, inside(config), asked, clock.now())


def test_only_the_ward_officer_decides_and_only_once(config: Config) -> None:
    made = device.request(config, inside(config), PHONE, clock.now())
    for who in (inside(config), inside(config, "kutan", Zone.SENDER)):
        with pytest.raises(NotAllowed):
            device.decide(who, made, approve=True, now=clock.now())
    device.decide(inside(config, "kutan"), made, approve=False, now=clock.now())
    with pytest.raises(WrongState):
        device.decide(inside(config, "kutan"), made, approve=True, now=clock.now())
    with pytest.raises(WrongState):
        device.make_code(config, inside(config), made, clock.now())


# --- enrolling


def test_a_phone_enrols_and_is_known_by_token_key_and_fingerprint(config: Config) -> None:
    done, key = enrolled(config)
    known = device.resolve(Zone.SENDER, done.token, clock.now())
    assert known == done.device
    assert device.fingerprint(known) == device.fingerprint(Device.get_by_id(known.id))
    assert done.token not in repr(list(Device.select().dicts()))
    assert device.resolve(Zone.ADMIN, done.token, clock.now()) is None
    _, who = login(config, zone=Zone.SENDER, device=known)
    assert not isinstance(who, Actor)
    asked = passkey.ask(config, who, clock.now())
    proof = Proof("passkey", key.get(asked))
    opened, actor = second_step.enter(config, keyring(config, Zone.SENDER), who, proof, clock.now())
    assert actor.device_id == known.id
    assert account.resolve(config, Zone.SENDER, opened, network=OFFICE, now=clock.now()) is None, "no cookie"
    assert account.resolve(
        config, Zone.SENDER, opened, network=OFFICE, now=clock.now(), device_id=known.id
    )  # fmt: skip


def test_a_code_enrols_once(config: Config) -> None:
    code = code_for(config, approved(config))
    first, second = begin(config, code), begin(config, code)
    for who, works in ((first, True), (second, False)):
        key = key_of(config, who)
        answer = key.create(passkey.ask_new(config, who, clock.now()))
        if works:
            assert enrolment.finish(config, who, answer, clock.now()).opened
        else:
            with pytest.raises(DeviceRefused):
                enrolment.finish(config, who, answer, clock.now())
    with pytest.raises(DeviceRefused):
        begin(config, code)


def test_of_two_phones_with_one_code_at_the_same_moment_one_enrols(config: Config) -> None:
    code = code_for(config, approved(config))
    halves = [begin(config, code), begin(config, code)]
    answers = [key_of(config, who).create(passkey.ask_new(config, who, clock.now())) for who in halves]
    ends = together(
        *(
            lambda pair=pair: enrolment.finish(config, pair[0], pair[1], clock.now())
            for pair in zip(halves, answers, strict=True)
        )
    )
    assert sorted(type(end).__name__ for end in ends) == ["DeviceRefused", "Enrolled"]


def test_a_code_is_worth_nothing_after_minutes_or_after_a_newer_one(
    config: Config, morning: time_machine.Traveller
) -> None:
    found = approved(config)
    old, new = code_for(config, found), code_for(config, found)
    with pytest.raises(DeviceRefused):
        begin(config, old)
    morning.shift(config.devices.code_minutes * 60)
    with pytest.raises(DeviceRefused):
        begin(config, new)


def test_who_began_with_a_void_code_does_not_end_with_the_new_one(config: Config) -> None:
    """The code was lost on paper; somebody has typed it already, and is at the last page."""
    found = approved(config)
    late = begin(config, code_for(config, found))
    answer = key_of(config, late).create(passkey.ask_new(config, late, clock.now()))
    new = code_for(config, found)
    with pytest.raises(DeviceRefused):
        enrolment.finish(config, late, answer, clock.now())
    assert begin(config, new), "it is not used up"


def test_a_school_s_pc_becomes_known_in_its_school_or_the_ward_office(config: Config, ward: Ward) -> None:
    code = code_for(config, school_pc(config, ward))
    with pytest.raises(DeviceRefused, match="other_school"):
        begin(config, code, zone=Zone.ADMIN, network="198.51.100.4")
    prepared = begin(config, code, zone=Zone.ADMIN, network="203.0.113.9")
    with pytest.raises(DeviceRefused, match="other_school"):
        enrolment.finish(config, replace(prepared, network="198.51.100.4"), "", clock.now())
    assert enrolment.finish(config, prepared, "", clock.now()).device.state == "active"


def test_a_code_alone_or_in_another_s_hands_enrols_nothing(config: Config) -> None:
    code = code_for(config, approved(config))
    with pytest.raises(LoginRefused, match="not_your_device"):
        begin(config, code, "kyoto")
    with pytest.raises(LoginRefused, match="wrong"):
        enrolment.begin(config, Zone.SENDER, code, "sensei", "chigau-chigau", network=OFFICE, now=clock.now())
    with pytest.raises(DeviceRefused):
        begin(config, code, zone=Zone.ADMIN)


def test_without_a_key_of_its_own_no_phone_is_registered(config: Config) -> None:
    who = begin(config, code_for(config, approved(config)))
    with pytest.raises(FactorRefused):
        enrolment.finish(config, who, "", clock.now())
    assert Device.get().state == "approved"


def test_a_ward_may_refuse_keys_that_are_synced_elsewhere(config: Config) -> None:
    done, _ = enrolled(config, synced=True)
    assert done.device.state == "active"
    strict = changed(config, "devices", synced_passkeys=False)
    with pytest.raises(FactorRefused, match="synced"):
        enrolled(strict, synced=True)
    assert enrolled(strict)[0].opened


def test_a_school_pc_needs_the_code_and_the_login_of_its_people_and_no_key(
    config: Config, ward: Ward
) -> None:
    asked = Request("school", "職員室の2番", "windows", "11", True, True, school_id=ward.school.id)
    who = begin(config, code_for(config, approved(config, asked)), zone=Zone.ADMIN)
    done = enrolment.finish(config, who, "", clock.now())
    assert done.opened
    known = device.resolve(Zone.ADMIN, done.token, clock.now())
    assert isinstance(login(config, "kyoto", device=known)[1], Actor), "colleagues share it"
    assert device.resolve(Zone.SENDER, done.token, clock.now()) is None


# --- ending


def test_a_registration_ends_with_the_school_year_in_japan(
    config: Config, morning: time_machine.Traveller
) -> None:
    done, _ = enrolled(config)
    last = datetime(2027, 4, 14, 23, 59, 59, tzinfo=JAPAN).astimezone(UTC)
    assert device.resolve(Zone.SENDER, done.token, last)
    assert device.resolve(Zone.SENDER, done.token, last + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("day", "year"),
    [((2026, 3, 1), 2026), ((2026, 3, 2), 2027), ((2026, 4, 1), 2027), ((2026, 12, 31), 2027)],
)
def test_what_is_enrolled_in_the_last_weeks_of_a_year_is_for_the_next(
    config: Config, day: tuple[int, int, int], year: int
) -> None:
    end = device.year_end(config, datetime(*day, 12, tzinfo=JAPAN).astimezone(UTC))
    assert end == datetime(year, 4, 15, tzinfo=JAPAN)


@pytest.mark.parametrize("by", ["sensei", "kutan"])
def test_a_revoked_device_and_its_sessions_are_over_at_once(config: Config, by: str) -> None:
    done, _ = enrolled(config)

    def back() -> Actor | None:
        return account.resolve(
            config, Zone.SENDER, done.opened or "", network=OFFICE, now=clock.now(), device_id=done.device.id
        )

    assert back()
    with pytest.raises(NotAllowed):
        device.revoke(inside(config, "kyoto"), done.device, clock.now())
    assert back()
    device.revoke(inside(config, by), done.device, clock.now())
    assert back() is None
    assert device.resolve(Zone.SENDER, done.token, clock.now()) is None


def test_a_phone_is_its_holder_s_alone(config: Config) -> None:
    done, _ = enrolled(config)
    with pytest.raises(LoginRefused, match="not_your_device"):
        login(config, "kyoto", Zone.SENDER, done.device)
    refusal = Audit.get(Audit.act == "login.refused")
    assert (refusal.device_id, refusal.result) == (done.device.id, "not_your_device")


def test_another_s_passkey_or_password_is_no_proof_on_a_registered_device(config: Config) -> None:
    done, _ = enrolled(config)
    _, who = login(config, zone=Zone.SENDER, device=done.device)
    assert not isinstance(who, Actor)
    assert second_step.ways(config, who) == ("passkey",)
    other = Authenticator(config.sender.origin)
    for proof in (
        Proof("passkey", other.get(passkey.ask(config, who, clock.now()) or "")),
        Proof("recovery", "aaaa-aaaa-aaaa-aaaa"),
    ):
        with pytest.raises(FactorRefused):
            second_step.enter(config, keyring(config, Zone.SENDER), who, proof, clock.now())


def test_every_step_of_a_device_is_recorded(config: Config) -> None:
    done, _ = enrolled(config)
    device.revoke(inside(config), done.device, clock.now())
    acts = [row.act for row in Audit.select().where(Audit.object_kind == "device").order_by(Audit.id)]
    assert acts == [f"device.{act}" for act in ("requested", "approved", "code_made", "enrolled", "revoked")]


# --- who gets in from where


def test_the_door_of_each_site(config: Config, ward: Ward) -> None:
    known = Device(kind="school")
    for zone, network, has_device, why in (
        (Zone.ADMIN, "192.0.2.7", True, None),
        (Zone.ADMIN, "::ffff:192.0.2.7", True, None),
        (Zone.ADMIN, "192.0.2.7", False, "device"),
        (Zone.ADMIN, "203.0.113.9", True, None),
        (Zone.ADMIN, "192.0.3.7", True, "network"),
        (Zone.ADMIN, "", True, "network"),
        (Zone.ADMIN, "nonsense", True, "network"),
        (Zone.SENDER, "8.8.8.8", True, None),
        (Zone.SENDER, "192.0.2.7", False, "device"),
    ):
        found = admission.why_not(config, zone, network, known if has_device else None)
        assert found == why, (zone, network, has_device)
    off = changed(config, "devices", required=False)
    assert admission.why_not(off, Zone.ADMIN, "8.8.8.8", None) is None


def test_people_of_a_school_work_in_its_network_or_the_ward_s(config: Config, ward: Ward) -> None:
    for role, network, why in (
        (Role.STAFF, "192.0.2.7", None),
        (Role.STAFF, "203.0.113.9", None),
        (Role.STAFF, "198.51.100.4", "other_school"),
        (Role.WARD_OFFICER, "203.0.113.9", None),
        (Role.WARD_OFFICER, "192.0.2.7", "other_school"),
    ):
        actor = Actor(1, role, frozenset({ward.school.id}), Zone.ADMIN, network)
        assert admission.actor_why_not(config, actor) == why, (role, network)


# --- who answers for one


PC = Request("school", "職員室の2番", "windows", "11", firewall=True, screen_lock=True)


def school_pc(config: Config, ward: Ward) -> Device:
    return approved(config, replace(PC, school_id=ward.school.id))


def test_who_moved_away_has_no_hand_on_the_old_school_s_pc(config: Config, ward: Ward) -> None:
    found = school_pc(config, ward)
    assert access.device(inside(config), found.id) == found
    teacher = Account.get(Account.login_id == "sensei")
    handover.move(inside(config, "kutan"), [teacher], ward.school.id, ward.other.id, clock.now())
    with pytest.raises(NotYours):
        access.device(inside(config), found.id)
    with pytest.raises(NotAllowed, match="not_your_device"):
        device.revoke(inside(config), found, clock.now())


def test_a_school_s_principal_ends_its_stolen_pc_whoever_asked_for_it(config: Config, ward: Ward) -> None:
    found = school_pc(config, ward)
    person(ward, "enchou", Role.PRINCIPAL)
    principal = inside(config, "enchou")
    assert device.answered_for(principal) == [found]
    device.revoke(principal, access.device(principal, found.id), clock.now())
    assert Device.get_by_id(found.id).state == "revoked"


def test_no_school_device_is_touched_from_the_send_only_site(config: Config, ward: Ward) -> None:
    found = school_pc(config, ward)
    outside = inside(config, zone=Zone.SENDER)
    assert access.may_answer_for(outside, found) == "not_your_device"
    assert device.answered_for(outside) == []


def test_an_operator_asks_for_no_school_s_device(config: Config, ward: Ward) -> None:
    operator = Actor(1, Role.OPERATOR, frozenset(), Zone.ADMIN)
    with pytest.raises(TextInvalid):
        device.request(config, operator, replace(PC, school_id=ward.school.id), clock.now())


def test_an_approval_that_nobody_used_ends_with_its_school_year(
    config: Config, morning: time_machine.Traveller
) -> None:
    found = approved(config)
    morning.move_to(datetime(2029, 2, 1, 5, 50, tzinfo=JAPAN))
    with pytest.raises(NotAllowed, match="approval_over"):
        code_for(config, found)


def test_a_password_that_is_set_at_a_known_device_names_it(config: Config, ward: Ward) -> None:
    found = school_pc(config, ward)
    colleague = Account.get(Account.login_id == "kyoto")
    link, _ = invitation.issue(config, inside(config, "kutan"), colleague, clock.now())
    invitation.accept(
        config, link, "kumo-ga-nagareru-oka-5", network=OFFICE, now=clock.now(), device_id=found.id
    )
    assert Audit.get(Audit.act == "invitation.used").device_id == found.id
