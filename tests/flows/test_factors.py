"""The second step of a login: what counts, what does not, and that nothing counts twice."""

import pyotp
import pytest
import time_machine

from appliance import account, clock
from appliance.account import factor, one_time, own_sessions, passkey, recovery, second_step
from appliance.account.factor import Loss
from appliance.account.second_step import Proof
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import FactorRefused, KeyRefused, NotAllowed, NotYours
from appliance.models import Audit, Challenge, Factor, RecoveryCode
from tests.flows.proving import (
    OFFICE,
    add_app,
    add_key,
    between,
    changed,
    enter,
    inside,
    key_of,
    keyring,
    login,
    person,
)
from tests.flows.ward import Ward, together

STEP = 30


@pytest.fixture
def config(ward: Ward) -> Config:
    """A teacher has an account; ward officers need a second factor."""
    person(ward)
    person(ward, "kutan", Role.WARD_OFFICER)
    return changed(ward.config, "factors", required_for=["ward_officer", "operator"])


@pytest.fixture
def secret(morning: time_machine.Traveller, config: Config) -> str:
    """The teacher's app."""
    made = one_time.fresh()
    add_app(config, inside(config), made, pyotp.TOTP(made).at(clock.now()))
    morning.shift(STEP)
    return made


def back(config: Config, cookie: str, zone: Zone = Zone.ADMIN) -> Actor | None:
    return account.resolve(config, zone, cookie, network=OFFICE, now=clock.now())


def refused(config: Config, way: str, text: str) -> FactorRefused:
    with pytest.raises(FactorRefused) as refusal:
        enter(config, between(config), way, text)
    return refusal.value


# --- half open


def test_who_has_a_factor_is_only_halfway_in_after_the_password(config: Config, secret: str) -> None:
    cookie, who = login(config)
    assert not isinstance(who, Actor)
    assert back(config, cookie) is None
    assert account.halfway(config, Zone.ADMIN, cookie, network=OFFICE, now=clock.now()) == who


def test_the_second_step_opens_the_session_under_a_new_token(config: Config, secret: str) -> None:
    cookie, who = login(config)
    opened, actor = enter(config, who, "code", pyotp.TOTP(secret).at(clock.now()))
    assert opened != cookie
    assert back(config, opened) == actor
    assert back(config, cookie) is None
    assert account.halfway(config, Zone.ADMIN, cookie, network=OFFICE, now=clock.now()) is None


def test_a_half_open_session_is_over_after_a_quarter_of_an_hour(
    config: Config, secret: str, morning: time_machine.Traveller
) -> None:
    cookie, who = login(config)
    morning.shift(15 * 60)
    assert account.halfway(config, Zone.ADMIN, cookie, network=OFFICE, now=clock.now()) is None
    with pytest.raises(FactorRefused, match="gone"):
        enter(config, who, "code", pyotp.TOTP(secret).at(clock.now()))


def test_a_factor_of_one_site_says_nothing_on_the_other(config: Config, secret: str) -> None:
    assert inside(config, zone=Zone.SENDER)
    row = Factor.get()
    with pytest.raises(KeyRefused):
        one_time._secret(keyring(config, Zone.SENDER), row)


def test_a_ward_officer_without_a_factor_can_only_add_one(config: Config) -> None:
    who = between(config, "kutan")
    assert second_step.ways(config, who) == ()
    for way in ("password", "code", "recovery", "passkey"):
        with pytest.raises(FactorRefused, match=r"password|not_this_way"):
            enter(config, who, way, "000000")
    add_key(config, who)
    assert factor.of(who.account_id, Zone.ADMIN)


def test_who_has_a_factor_cannot_add_another_with_the_password_alone(config: Config, secret: str) -> None:
    made = one_time.fresh()
    with pytest.raises(FactorRefused, match="not_this_way"):
        add_app(config, between(config), made, pyotp.TOTP(made).at(clock.now()))
    assert Factor.select().count() == 1


# --- one-time codes


def test_a_code_counts_once(config: Config, secret: str, morning: time_machine.Traveller) -> None:
    code = pyotp.TOTP(secret).at(clock.now())
    assert enter(config, between(config), "code", code)
    assert refused(config, "code", code).reason == "replayed"
    morning.shift(STEP)
    assert enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))


def test_two_who_send_one_code_at_the_same_moment_are_one(config: Config, secret: str) -> None:
    code = pyotp.TOTP(secret).at(clock.now())
    halves = [between(config), between(config)]
    ends = together(*(lambda who=who: enter(config, who, "code", code) for who in halves))
    assert sorted(type(end).__name__ for end in ends) == ["FactorRefused", "tuple"]


def test_a_clock_that_is_half_a_minute_wrong_is_forgiven_and_more_is_not(
    config: Config, secret: str, morning: time_machine.Traveller
) -> None:
    morning.shift(3 * STEP)
    now = clock.now().timestamp()
    assert refused(config, "code", pyotp.TOTP(secret).at(now - 2 * STEP)).reason == "code"
    assert refused(config, "code", pyotp.TOTP(secret).at(now + 2 * STEP)).reason == "code"
    assert enter(config, between(config), "code", pyotp.TOTP(secret).at(now - STEP))
    assert enter(config, between(config), "code", pyotp.TOTP(secret).at(now + STEP))


def test_a_code_typed_in_full_width_with_a_gap_is_the_same(config: Config, secret: str) -> None:
    code = pyotp.TOTP(secret).at(clock.now())
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert enter(config, between(config), "code", f"{wide[:3]}　{wide[3:]}")


def test_guessing_codes_ends_after_ten_from_wherever_they_come(
    config: Config, secret: str, morning: time_machine.Traveller
) -> None:
    most = config.account.failures_per_quarter_hour
    right = pyotp.TOTP(secret).at(clock.now())
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(most):
        assert refused(config, "code", wrong).reason in ("code", "replayed")
    refusal = refused(config, "code", right)
    assert (refusal.reason, refusal.wait_s) == ("throttled", 15 * 60)
    morning.shift(15 * 60)
    assert enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))


def test_the_secret_is_not_in_the_database(config: Config, secret: str) -> None:
    kept = bytes(Factor.get().secret)
    assert secret.encode() not in kept
    Factor.update(id=Factor.get().id + 1).execute()
    with pytest.raises(KeyRefused):
        enter(config, between(config), "code", "000000")


# --- passkeys


def test_a_passkey_opens_the_session(config: Config) -> None:
    key = add_key(config, inside(config))
    who = between(config)
    asked = passkey.ask(config, who, clock.now())
    _, actor = enter(config, who, "passkey", key.get(asked))
    assert actor.account_id == who.account_id


def test_an_answer_counts_once_and_only_in_the_session_that_was_asked(config: Config) -> None:
    key = add_key(config, inside(config))
    mine, other = between(config), between(config)
    answer = key.get(passkey.ask(config, mine, clock.now()))
    for who in (other, mine, mine):
        if who is mine and Challenge.select().exists():
            assert enter(config, who, "passkey", answer)
            continue
        with pytest.raises(FactorRefused):
            enter(config, who, "passkey", answer)


def test_an_answer_that_comes_after_ten_minutes_is_too_late(
    config: Config, morning: time_machine.Traveller
) -> None:
    key = add_key(config, inside(config))
    who = between(config)
    answer = key.get(passkey.ask(config, who, clock.now()))
    morning.shift(10 * 60 + 1)
    with pytest.raises(FactorRefused):
        enter(config, who, "passkey", answer)


def test_a_key_that_does_not_verify_its_user_is_no_factor(config: Config) -> None:
    who = inside(config)
    with pytest.raises(FactorRefused):
        add_key(config, who, key_of(config, who, verifies=False))
    key = add_key(config, who)
    key.verifies = False
    half = between(config)
    with pytest.raises(FactorRefused):
        enter(config, half, "passkey", key.get(passkey.ask(config, half, clock.now())))


def test_an_answer_from_another_origin_is_a_phisher_s(config: Config) -> None:
    key = add_key(config, inside(config))
    key.origin = "http://admin.midori.example.evil.example"
    half = between(config)
    with pytest.raises(FactorRefused):
        enter(config, half, "passkey", key.get(passkey.ask(config, half, clock.now())))


def test_somebody_else_s_key_is_no_proof(config: Config) -> None:
    add_key(config, inside(config))
    stranger = add_key(config, between(config, "kutan"))
    half = between(config)
    with pytest.raises(FactorRefused):
        enter(config, half, "passkey", stranger.get(passkey.ask(config, half, clock.now())))


def test_a_copied_key_gives_itself_away_by_its_counter(config: Config) -> None:
    key = add_key(config, inside(config))
    half = between(config)
    enter(config, half, "passkey", key.get(passkey.ask(config, half, clock.now())))
    key.count -= 2
    half = between(config)
    with pytest.raises(FactorRefused):
        enter(config, half, "passkey", key.get(passkey.ask(config, half, clock.now())))


@pytest.mark.parametrize("answer", ["", "{}", "nonsense", "[]", '{"id": "x"}', "x" * 30_000, "null"])
def test_nonsense_is_refused(config: Config, answer: str) -> None:
    add_key(config, inside(config))
    with pytest.raises(FactorRefused):
        enter(config, between(config), "passkey", answer)


def test_wrong_codes_do_not_keep_the_owner_s_passkey_out(config: Config) -> None:
    key = add_key(config, inside(config))
    for _ in range(config.account.failures_per_quarter_hour + 1):
        refused(config, "recovery", "aaaa-aaaa-aaaa-aaaa")
    half = between(config)
    assert enter(config, half, "passkey", key.get(passkey.ask(config, half, clock.now())))


# --- recovery codes


def test_a_recovery_code_opens_once_and_is_kept_only_hashed(config: Config) -> None:
    made = one_time.fresh()
    codes = add_app(config, inside(config), made, pyotp.TOTP(made).at(clock.now())).codes
    assert len(set(codes)) == recovery.HOW_MANY
    assert codes[0].encode() not in b"".join(bytes(row.code_hash) for row in RecoveryCode.select())
    _, actor = enter(config, between(config), "recovery", codes[0].upper().replace("-", " "))
    assert refused(config, "recovery", codes[0]).reason == "code"
    assert recovery.left(actor.account_id, Zone.ADMIN) == recovery.HOW_MANY - 1
    assert Audit.select().where(Audit.act == "recovery_code.used").count() == 1


def test_new_recovery_codes_replace_the_old_ones(config: Config, secret: str) -> None:
    _, actor = enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))
    first = second_step.renew_codes(actor, clock.now())
    second = second_step.renew_codes(actor, clock.now())
    assert refused(config, "recovery", first[0]).reason == "code"
    assert enter(config, between(config), "recovery", second[0])


# --- removing and losing


def test_the_last_factor_stays_where_the_role_needs_one(config: Config) -> None:
    officer = between(config, "kutan")
    key = add_key(config, officer)
    half = between(config, "kutan")
    _, actor = enter(config, half, "passkey", key.get(passkey.ask(config, half, clock.now())))
    with pytest.raises(NotAllowed, match="last_factor"):
        factor.remove(config, actor, factor.of(actor.account_id, actor.zone)[0])
    add_key(config, actor)
    factor.remove(config, actor, factor.of(actor.account_id, actor.zone)[0])
    assert len(factor.of(actor.account_id, actor.zone)) == 1


def test_who_removes_the_last_optional_factor_is_back_to_the_password(config: Config, secret: str) -> None:
    _, actor = enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))
    factor.remove(config, actor, factor.of(actor.account_id, actor.zone)[0])
    assert recovery.left(actor.account_id, Zone.ADMIN) == 0
    assert inside(config)


def test_nobody_touches_somebody_else_s_factor(config: Config, secret: str) -> None:
    add_key(config, between(config, "kutan"))
    theirs = Factor.get(Factor.kind == "passkey")
    _, actor = enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))
    with pytest.raises(NotYours):
        factor.one(actor, theirs.id)


def test_a_ward_officer_takes_lost_factors_back_with_a_reason(config: Config, secret: str) -> None:
    cookie, actor = enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))
    officer = inside(changed(config, "factors", required_for=[]), "kutan")
    lost = account.people.Account.get_by_id(actor.account_id)
    factor.reset(officer, lost, Loss.STOLEN, clock.now())
    assert back(config, cookie) is None
    assert inside(config)
    record = Audit.get(Audit.act == "factors.reset")
    assert (record.object_id, record.reason) == (actor.account_id, "stolen")
    assert record.detail == '{"factors": 1}'


def test_nobody_else_takes_factors_back_and_no_officer_their_own(config: Config) -> None:
    teacher, plain = inside(config), changed(config, "factors", required_for=[])
    officer = inside(plain, "kutan")
    accounts = {row.id: row for row in account.people.Account.select()}
    for who, whose, why in (
        (teacher, officer.account_id, "ward_officer_resets"),
        (officer, officer.account_id, "not_ones_own"),
        (inside(plain, "kutan", Zone.SENDER), teacher.account_id, "not_from_this_site"),
    ):
        with pytest.raises(NotAllowed, match=why):
            factor.reset(who, accounts[whose], Loss.LOST, clock.now())


# --- proving anew


def test_a_proof_is_fresh_for_a_quarter_of_an_hour(config: Config, morning: time_machine.Traveller) -> None:
    cookie, _ = login(config)
    assert second_step.fresh(config, back(config, cookie), clock.now())
    morning.shift(config.factors.confirm_minutes * 60)
    actor = back(config, cookie)
    assert not second_step.fresh(config, actor, clock.now())
    with pytest.raises(FactorRefused, match="password"):
        second_step.confirm(config, keyring(config), actor, Proof("password", "chigau"), clock.now())
    second_step.confirm(
        config, keyring(config), actor, Proof("password", "ajisai-no-saku-michi-7"), clock.now()
    )
    assert second_step.fresh(config, back(config, cookie), clock.now())
    assert Audit.get(Audit.act == "session.confirmed").detail == '{"way": "password"}'


def test_who_has_a_factor_does_not_confirm_by_password(config: Config, secret: str) -> None:
    _, actor = enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))
    with pytest.raises(FactorRefused, match="not_this_way"):
        second_step.confirm(
            config, keyring(config), actor, Proof("password", "ajisai-no-saku-michi-7"), clock.now()
        )


# --- one's own sessions


def test_one_sees_where_one_is_logged_in_and_ends_it(config: Config) -> None:
    here, elsewhere = login(config), login(config, zone=Zone.SENDER)
    stranger = login(changed(config, "factors", required_for=[]), "kutan")
    places = own_sessions.places(config, here[1], clock.now())
    assert [(place.here, place.zone, place.agent) for place in places] == [
        (True, Zone.ADMIN, "Chrome"),
        (False, Zone.SENDER, "Chrome"),
    ]
    own_sessions.end(here[1], places[1].id, clock.now())
    assert back(config, elsewhere[0], Zone.SENDER) is None
    assert back(config, here[0])
    for session_id in (stranger[1].session_id, here[1].session_id, places[1].id):
        with pytest.raises(NotYours):
            own_sessions.end(here[1], session_id, clock.now())
    assert back(config, stranger[0])


def test_one_ends_all_others_at_once(config: Config) -> None:
    others, here = [login(config)[0] for _ in range(3)], login(config)
    assert own_sessions.end_others(here[1], clock.now()) == 3
    assert [back(config, cookie) for cookie in others] == [None, None, None]
    assert back(config, here[0])


def test_every_step_is_recorded_without_a_secret(config: Config, secret: str) -> None:
    enter(config, between(config), "code", pyotp.TOTP(secret).at(clock.now()))
    acts = [row.act for row in Audit.select().order_by(Audit.id)]
    assert acts == ["login", "factor.added", "recovery_codes.made", "login.begun", "login"]
    assert secret not in "".join(row.detail for row in Audit.select())
