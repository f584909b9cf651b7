"""Two officers, two schools, two tabs: what happens at the same moment ends as if one had come first."""

from collections.abc import Callable
from functools import partial

import pytest

from appliance import account, broadcast, clock
from appliance.account import factor, handover, invitation, people, second_step
from appliance.account import password as passwords
from appliance.account.second_step import Proof
from appliance.actor import Role
from appliance.config import Config
from appliance.errors import ContentChanged, FactorRefused, LoginRefused
from appliance.models import Account, AccountSchool, Broadcast, Factor, Invitation, StaffSession
from tests.flows.proving import add_key, changed, inside, keyring, login, person
from tests.flows.ward import Ward, together

TRIES = 5


@pytest.fixture
def config(ward: Ward) -> Config:
    person(ward, "kutan", Role.WARD_OFFICER)
    return ward.config


def test_whose_work_ends_at_both_schools_at_once_has_no_account_left(config: Config, ward: Ward) -> None:
    officer = inside(config, "kutan")
    for number in range(TRIES):
        teacher = account.add(
            config, login_id=f"t{number}", role=Role.STAFF, display_name="x",
            school_ids=[ward.school.id, ward.other.id], password="ajisai-no-saku-michi-7", now=clock.now(),
        )  # fmt: skip
        together(
            *(
                partial(handover.end, officer, [teacher], school.id, clock.now())
                for school in (ward.school, ward.other)
            )
        )
        assert not AccountSchool.select().where(AccountSchool.account == teacher).exists()
        assert Account.get_by_id(teacher.id).state == "ended"


def test_of_two_invitations_at_once_one_is_good(config: Config, ward: Ward) -> None:
    officer = inside(config, "kutan")
    for number in range(TRIES):
        teacher = person(ward, f"i{number}")
        together(*[lambda: invitation.issue(config, officer, teacher, clock.now())] * 2)  # noqa: B023
        living = Invitation.select().where(Invitation.account == teacher, Invitation.ended_at.is_null())
        assert living.count() == 1


def test_of_two_last_factors_one_stays(config: Config, ward: Ward) -> None:
    strict = changed(config, "factors", required_for=["staff"])
    for number in range(TRIES):
        person(ward, f"f{number}")
        who = inside(config, f"f{number}")
        for _each in range(2):
            add_key(config, who)
        mine = factor.of(who.account_id, who.zone)
        together(*(partial(factor.remove, strict, who, row) for row in mine))
        assert Factor.select().where(Factor.account == who.account_id).count() == 1


def test_a_passkey_that_is_wrong_again_and_again_keeps_nobody_else_out(config: Config, ward: Ward) -> None:
    """At a school's network, where a colleague sits at a browser that nobody knows."""
    person(ward, "sensei")
    person(ward, "kyoto")
    who = inside(config, "sensei")
    add_key(config, who)
    for _try in range(config.account.failures_per_network_per_quarter_hour + 1):
        with pytest.raises(FactorRefused):
            second_step.confirm(config, keyring(config), who, Proof("passkey", "x"), clock.now())
    login(config, "kyoto")


def _meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Once, while the next password is compared, which takes its time."""
    compare = passwords.matches
    to_come = [happens]

    def slowly(password: str, phc: str) -> bool:
        matched = compare(password, phc)
        if to_come:
            to_come.pop()()
        return matched

    monkeypatch.setattr(passwords, "matches", slowly)


def test_the_old_password_opens_nothing_while_a_new_one_is_set(
    config: Config, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = person(ward, "sensei")
    fresh = passwords.kept("tsubame-ga-kaeru-michi-5")
    _meanwhile(monkeypatch, lambda: people.set_password(teacher, fresh, clock.now()))
    with pytest.raises(LoginRefused):
        login(config, "sensei")
    assert not StaffSession.select().where(StaffSession.account == teacher).exists()


def test_who_is_suspended_while_logging_in_is_not_in_after_resuming(
    config: Config, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer, teacher = inside(config, "kutan"), person(ward, "sensei")
    _meanwhile(monkeypatch, lambda: handover.suspend(officer, teacher, clock.now()))
    with pytest.raises(LoginRefused):
        login(config, "sensei")
    handover.resume(officer, Account.get_by_id(teacher.id))
    assert not StaffSession.select().where(StaffSession.account == teacher).exists()


def test_a_login_at_the_moment_of_a_suspension_is_ended_or_refused(config: Config, ward: Ward) -> None:
    officer = inside(config, "kutan")
    for number in range(TRIES):
        teacher = person(ward, f"g{number}")
        together(
            partial(login, config, f"g{number}"),
            partial(handover.suspend, officer, teacher, clock.now()),
        )
        living = StaffSession.select().where(StaffSession.account == teacher, StaffSession.ended_at.is_null())
        assert not living.exists()


def test_a_factor_added_while_the_ward_takes_all_away_does_not_stay(config: Config, ward: Ward) -> None:
    officer = inside(config, "kutan")
    for number in range(TRIES):
        teacher = person(ward, f"h{number}")
        thief = inside(config, f"h{number}")
        together(
            partial(add_key, config, thief),
            partial(factor.reset, officer, teacher, factor.Loss.STOLEN, clock.now()),
        )
        assert not Factor.select().where(Factor.account == teacher).exists()


def test_an_ended_session_adds_no_factor(config: Config, ward: Ward) -> None:
    """Its request was under way when the session ended."""
    officer, teacher = inside(config, "kutan"), person(ward, "sensei")
    thief = inside(config, "sensei")
    factor.reset(officer, teacher, factor.Loss.STOLEN, clock.now())
    with pytest.raises(FactorRefused, match="gone"):
        add_key(config, thief)
    assert not Factor.select().where(Factor.account == teacher).exists()


def test_the_principal_sends_what_was_shown_or_nothing(config: Config, ward: Ward) -> None:
    """A colleague's other tab changes the text after it was checked and before it is sent."""
    ward.register("hanako@docomo.ne.jp", "山田 花子", "山田 母")
    shown = ward.draft()
    teacher = ward.actor(Role.STAFF)
    broadcast.revise(teacher, Broadcast.get_by_id(shown.id), body="全員、いますぐ下校させます。")
    with pytest.raises(ContentChanged):
        broadcast.send(config, ward.actor(), shown, shown_addresses=1, now=clock.now())
    assert Broadcast.get_by_id(shown.id).state == "draft"
