"""Accounts of staff: who gets in, for how long, on which site; and that a stranger learns nothing."""

import pytest
import time_machine

from appliance import account, clock
from appliance.account import password as passwords
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import FactorRefused, LoginRefused, TextInvalid
from appliance.models import Account, Audit, LoginFailure, StaffSession
from tests.flows.ward import Ward

PASSWORD = "ajisai-no-saku-michi-7"
OFFICE, ELSEWHERE = "192.0.2.0/24", "198.51.100.0/24"
MINUTE = 60


@pytest.fixture
def sensei(ward: Ward) -> Ward:
    """A teacher with an account."""
    account.add(
        ward.config,
        login_id="Sensei ",
        role=Role.STAFF,
        display_name="教諭 林 二葉",
        school_ids=[ward.school.id],
        password=PASSWORD,
        now=clock.now(),
    )
    return ward


def login(
    ward: Ward,
    login_id: str = "sensei",
    password: str = PASSWORD,
    *,
    zone: Zone = Zone.ADMIN,
    network: str = OFFICE,
) -> tuple[str, Actor]:
    return account.login(ward.config, zone, login_id, password, network=network, now=clock.now())


def back(ward: Ward, cookie: str, *, zone: Zone = Zone.ADMIN) -> Actor | None:
    """The next click."""
    return account.resolve(ward.config, zone, cookie, network=OFFICE, now=clock.now())


# --- getting in


def test_the_right_password_opens_a_session_as_who_one_is(sensei: Ward) -> None:
    cookie, actor = login(sensei)
    assert (actor.role, actor.school_ids, actor.zone) == (Role.STAFF, {sensei.school.id}, Zone.ADMIN)
    assert back(sensei, cookie) == actor


@pytest.mark.parametrize("typed", ["SENSEI", " sensei ", "Sensei"])
def test_capitals_and_blanks_in_the_id_do_not_matter(sensei: Ward, typed: str) -> None:
    assert login(sensei, typed)


def test_a_password_typed_in_full_width_is_the_same(sensei: Ward) -> None:
    assert login(sensei, password="ａｊｉｓａｉ-no-saku-michi-７")


@pytest.mark.parametrize(
    ("login_id", "password"),
    [
        ("sensei", "wrong-wrong-wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("sensei", PASSWORD + " "),
        ("sensei' OR 1=1 --", PASSWORD),
    ],
)
def test_wrong_is_wrong_whichever_of_the_two_it_was(sensei: Ward, login_id: str, password: str) -> None:
    with pytest.raises(LoginRefused) as refusal:
        login(sensei, login_id, password)
    assert (refusal.value.reason, str(refusal.value)) == ("wrong", "wrong")


@pytest.mark.parametrize("login_id", ["sensei", "nobody"])
def test_a_password_is_really_checked_whether_or_not_the_account_exists(
    sensei: Ward, monkeypatch: pytest.MonkeyPatch, login_id: str
) -> None:
    """The time of an answer must not tell who works here: the costly part runs once in both cases."""
    checked: list[str] = []
    real = passwords.Argon2id.verify_phc_encoded

    class Counting:
        @staticmethod
        def verify_phc_encoded(password: bytes, phc: str) -> None:
            checked.append(phc.split("$")[3])
            real(password, phc)

    monkeypatch.setattr(passwords, "Argon2id", Counting)
    with pytest.raises(LoginRefused):
        login(sensei, login_id, "wrong-wrong-wrong")
    assert checked == ["m=19456,t=2,p=1"], "the stand-in must cost what a real password costs"


def test_a_suspended_account_is_told_only_to_who_knows_its_password(sensei: Ward) -> None:
    Account.update(state="suspended").where(Account.login_id == "sensei").execute()
    for password, reason in (("wrong-wrong-wrong", "wrong"), (PASSWORD, "suspended")):
        with pytest.raises(LoginRefused) as refusal:
            login(sensei, password=password)
        assert refusal.value.reason == reason


def test_after_too_many_wrong_passwords_even_the_right_one_waits(
    morning: time_machine.Traveller, sensei: Ward
) -> None:
    for _ in range(sensei.config.account.failures_per_quarter_hour):
        with pytest.raises(LoginRefused, match="wrong"):
            login(sensei, password="wrong-wrong-wrong")
        morning.shift(MINUTE)
    with pytest.raises(LoginRefused) as refusal:
        login(sensei)
    assert refusal.value.reason == "throttled"
    assert refusal.value.wait_s == 5 * MINUTE
    morning.shift(refusal.value.wait_s)
    assert login(sensei)


def test_a_stranger_elsewhere_cannot_lock_the_teacher_out(sensei: Ward) -> None:
    for _ in range(sensei.config.account.failures_per_quarter_hour + 1):
        with pytest.raises(LoginRefused):
            login(sensei, password="wrong-wrong-wrong", network=ELSEWHERE)
    assert login(sensei, network=OFFICE)


def test_a_password_typed_into_the_id_field_is_not_kept(sensei: Ward) -> None:
    with pytest.raises(LoginRefused):
        login(sensei, PASSWORD, PASSWORD)
    (row,) = LoginFailure.select().dicts()
    assert not any(PASSWORD in str(value) for value in row.values())


# --- staying in


def test_a_session_ends_when_nobody_clicks(morning: time_machine.Traveller, sensei: Ward) -> None:
    cookie, _ = login(sensei)
    idle = sensei.config.account.session_idle_minutes * MINUTE
    for _ in range(3):
        morning.shift(idle - MINUTE)
        assert back(sensei, cookie)
    morning.shift(idle + MINUTE)
    assert back(sensei, cookie) is None


def test_no_session_outlives_the_working_day(morning: time_machine.Traveller, sensei: Ward) -> None:
    cookie, _ = login(sensei)
    for _ in range(sensei.config.account.session_hours * 4 - 1):
        morning.shift(15 * MINUTE)
        assert back(sensei, cookie)
    morning.shift(15 * MINUTE)
    assert back(sensei, cookie) is None


def test_a_session_of_one_site_is_nobody_on_the_other(sensei: Ward) -> None:
    cookie, _ = login(sensei, zone=Zone.SENDER)
    assert back(sensei, cookie, zone=Zone.ADMIN) is None
    assert back(sensei, cookie, zone=Zone.SENDER)


@pytest.mark.parametrize("cookie", ["", "zz", "00" * 32, "ff" * 16, "あ", "0" * 63, "' OR 1=1 --"])
def test_a_forged_cookie_is_nobody(sensei: Ward, cookie: str) -> None:
    login(sensei)
    assert back(sensei, cookie) is None


def test_the_table_of_sessions_opens_no_session(sensei: Ward) -> None:
    cookie, _ = login(sensei)
    kept = bytes(StaffSession.get().token_hash)
    assert kept.hex() != cookie
    assert back(sensei, kept.hex()) is None


def test_logging_out_ends_this_session_and_no_other(sensei: Ward) -> None:
    (phone, actor), (office, _) = login(sensei), login(sensei)
    account.logout(actor, clock.now())
    assert back(sensei, phone) is None
    assert back(sensei, office)


def test_suspending_ends_sessions_at_the_next_click(sensei: Ward) -> None:
    cookie, _ = login(sensei)
    Account.update(state="suspended").where(Account.login_id == "sensei").execute()
    assert back(sensei, cookie) is None


def test_a_new_password_ends_the_other_sessions_and_the_old_password(sensei: Ward) -> None:
    (here, actor), (elsewhere, _), (sender, _) = login(sensei), login(sensei), login(sensei, zone=Zone.SENDER)
    account.change_password(sensei.config, actor, PASSWORD, "kawa-no-hotori-12", clock.now())
    assert back(sensei, here)
    assert back(sensei, elsewhere) is None
    assert back(sensei, sender, zone=Zone.SENDER) is None
    with pytest.raises(LoginRefused):
        login(sensei)
    assert login(sensei, password="kawa-no-hotori-12")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("wrong-wrong-wrong", "kawa-no-hotori-12", FactorRefused),
        (PASSWORD, "short", TextInvalid),
        (PASSWORD, PASSWORD, TextInvalid),
        (PASSWORD, "my-sensei-password", TextInvalid),
        (PASSWORD, "aaaaaaaaaaaaaaaa", TextInvalid),
        (PASSWORD, "x1" * 101, TextInvalid),
    ],
)
def test_a_password_that_will_not_do_changes_nothing(
    sensei: Ward, old: str, new: str, error: type[Exception]
) -> None:
    cookie, actor = login(sensei)
    with pytest.raises(error):
        account.change_password(sensei.config, actor, old, new, clock.now())
    assert back(sensei, cookie)
    assert login(sensei)


def test_who_finds_an_open_screen_does_not_guess_the_password_there(sensei: Ward) -> None:
    cookie, actor = login(sensei)
    most = sensei.config.account.failures_per_quarter_hour
    for wrong in range(most):
        with pytest.raises(FactorRefused, match="password"):
            account.change_password(sensei.config, actor, f"wrong-{wrong}", "kawa-no-hotori-12", clock.now())
    with pytest.raises(FactorRefused, match="throttled"):
        account.change_password(sensei.config, actor, PASSWORD, "kawa-no-hotori-12", clock.now())
    told = [row.result for row in Audit.select().where(Audit.act == "factor.refused").order_by(Audit.id)]
    assert told == ["password", "throttled"], "the first, and the one after which it waits"
    assert back(sensei, cookie)
    with time_machine.travel(clock.now().timestamp() + 16 * 60, tick=False):
        account.change_password(sensei.config, actor, PASSWORD, "kawa-no-hotori-12", clock.now())


def test_an_id_is_given_once_whatever_its_capitals(sensei: Ward) -> None:
    for login_id, reason in (("SENSEI", "taken"), ("  ", "empty")):
        with pytest.raises(TextInvalid) as refusal:
            account.add(
                sensei.config, login_id=login_id, role=Role.STAFF, display_name="x", school_ids=[],
                password=PASSWORD, now=clock.now(),
            )  # fmt: skip
        assert (refusal.value.field, refusal.value.reason) == ("login_id", reason)


# --- what is recorded


def test_logging_in_and_out_and_a_new_password_are_recorded(sensei: Ward) -> None:
    _, actor = login(sensei)
    account.change_password(sensei.config, actor, PASSWORD, "kawa-no-hotori-12", clock.now())
    account.logout(actor, clock.now())
    rows = list(Audit.select().order_by(Audit.id))
    assert [row.act for row in rows] == ["login", "password.changed", "logout"]
    assert {(row.account_id, row.zone, row.network) for row in rows} == {(actor.account_id, "admin", OFFICE)}
    assert not any("kawa" in row.detail or "林" in row.detail for row in rows)


def test_passwords_are_kept_only_as_argon2id(database: Config, sensei: Ward) -> None:
    kept = Account.get(Account.login_id == "sensei").password_phc
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in kept
