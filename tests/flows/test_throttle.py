"""Two attacks on passwords, and the people who must not notice them: guessing at one account, from one place
or from everywhere, and trying one password at every account."""

import pytest
import time_machine

from appliance import account, clock, enrolment
from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.errors import DeviceRefused, LoginRefused
from appliance.models import LoginFailure
from tests.flows.ward import Ward

PASSWORD, WRONG = "ajisai-no-saku-michi-7", "wrong-wrong-wrong"
SCHOOL, KNOWN = "192.0.2.7", b"\x01" * 8
MINUTE = 60


@pytest.fixture
def town(ward: Ward) -> Ward:
    """The principal and a teacher have passwords."""
    for login_id, role in (("encho", Role.PRINCIPAL), ("sensei", Role.STAFF)):
        account.add(
            ward.config, login_id=login_id, role=role, display_name="林", school_ids=[ward.other.id],
            password=PASSWORD, now=clock.now(),
        )  # fmt: skip
    return ward


def attempt(
    ward: Ward,
    login_id: str,
    password: str = PASSWORD,
    *,
    network: str = SCHOOL,
    browser: bytes | None = None,
) -> tuple[str, Actor] | str:
    """A session, or the reason why not."""
    try:
        return account.login(
            ward.config, Zone.SENDER, login_id, password, network=network, now=clock.now(), browser=browser
        )
    except LoginRefused as refused:
        return refused.reason


def reasons(ward: Ward, times: int, login_id: str = "encho", **how: str) -> list[object]:
    return [attempt(ward, login_id.format(n=n), WRONG, **how) for n in range(times)]


def test_a_stranger_on_the_school_s_own_network_does_not_lock_the_principal_out(town: Ward) -> None:
    """Guest wifi, or a carrier that puts thousands of phones behind one address."""
    most = town.config.account.failures_per_quarter_hour
    assert reasons(town, most + 2)[-2:] == ["throttled"] * 2
    assert attempt(town, "encho") == "throttled"  # from a browser nobody knows
    assert isinstance(attempt(town, "encho", browser=KNOWN), tuple)


def test_a_thousand_machines_against_one_account_are_stopped_and_the_principal_is_not(town: Ward) -> None:
    most = town.config.account.failures_per_account_per_quarter_hour
    for n in range(most):
        assert attempt(town, "encho", WRONG, network=f"198.51.100.{n}") == "wrong"
    assert attempt(town, "encho", network="203.0.113.1") == "throttled"
    assert isinstance(attempt(town, "encho", browser=KNOWN), tuple)
    assert isinstance(attempt(town, "sensei"), tuple)  # colleagues notice nothing


def test_one_password_tried_at_every_account_is_stopped(town: Ward) -> None:
    most = town.config.account.failures_per_network_per_quarter_hour
    assert set(reasons(town, most, "t-{n}", network="198.51.100.9")) == {"wrong"}
    for login_id in ("encho", "nobody"):  # the same, whether or not there is such an account
        assert attempt(town, login_id, network="198.51.100.9") == "throttled"
    assert isinstance(attempt(town, "encho"), tuple)
    assert isinstance(attempt(town, "encho", network="198.51.100.9", browser=KNOWN), tuple)


def test_whoever_has_one_ipv6_address_has_its_whole_network_and_is_counted_as_one(town: Ward) -> None:
    most = town.config.account.failures_per_network_per_quarter_hour
    for n in range(most):
        assert attempt(town, f"t-{n}", WRONG, network=f"2001:db8:1:2::{n:x}") == "wrong"
    assert attempt(town, "encho", network="2001:db8:1:2:ffff::1") == "throttled"
    assert isinstance(attempt(town, "encho", network="2001:db8:1:3::1"), tuple)


def test_a_known_browser_guesses_no_more_often_than_another(town: Ward) -> None:
    """A stolen school PC is no way around the count."""
    most = town.config.account.failures_per_quarter_hour
    for _ in range(most):
        assert attempt(town, "encho", WRONG, browser=KNOWN) == "wrong"
    assert attempt(town, "encho", browser=KNOWN) == "throttled"
    assert isinstance(attempt(town, "encho"), tuple)  # and whoever has it locks nobody out elsewhere


def test_the_wait_ends_when_the_oldest_attempt_is_a_quarter_of_an_hour_old(
    morning: time_machine.Traveller, town: Ward
) -> None:
    most = town.config.account.failures_per_account_per_quarter_hour
    for n in range(most):
        attempt(town, "encho", WRONG, network=f"198.51.100.{n}")
        morning.shift(10)
    with pytest.raises(LoginRefused) as refused:
        account.login(town.config, Zone.SENDER, "encho", PASSWORD, network=SCHOOL, now=clock.now())
    assert refused.value.wait_s == 15 * MINUTE - 10 * most
    morning.shift(refused.value.wait_s)
    assert isinstance(attempt(town, "encho"), tuple)


def test_wrong_codes_of_devices_keep_nobody_from_logging_in(town: Ward) -> None:
    """A stranger who shares an address with the principal's phone tries out codes."""
    most = town.config.account.failures_per_network_per_quarter_hour

    def guess(network: str) -> str:
        with pytest.raises((DeviceRefused, LoginRefused)) as refused:
            enrolment.begin(
                town.config, Zone.SENDER, "aaaa-aaaa", "encho", PASSWORD, network=network, now=clock.now()
            )
        return str(refused.value)

    assert {guess(SCHOOL) for _ in range(most)} == {"code"}
    assert guess(SCHOOL) == "throttled"
    assert guess("198.51.100.9") == "code"
    assert isinstance(attempt(town, "encho"), tuple)


def test_throttled_attempts_do_not_prolong_the_wait(town: Ward) -> None:
    most = town.config.account.failures_per_quarter_hour
    reasons(town, most + 20)
    assert LoginFailure.select().count() == most
