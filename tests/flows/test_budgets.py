"""Too much of something: it waits, the rest goes on, and operators learn of it."""

import json
import os
from datetime import timedelta
from itertools import count

import pytest
import time_machine
from click.testing import CliRunner

from appliance import clock, db, security_code
from appliance.address import parse
from appliance.config import Config, Zone
from appliance.errors import BudgetSpent
from appliance.models import Alarm, BudgetUse, CodePause, Registration
from appliance.registration import Budgets, Request, budgets, request_many
from cli.main import main as karamail
from tests.flows.test_many_workers import statements  # noqa: F401 - a fixture
from tests.flows.ward import Ward

_numbers = count()


@pytest.fixture(autouse=True)
def _no_alarm_yet() -> None:
    budgets._logged_at.clear()


def mails(
    ward: Ward, number: int, *, domain: str = "", network: str = "", code: str = "", doubtful: bool = False
) -> list[Request]:
    """So many parents; what is not given is different for each."""
    return [
        Request(
            code or security_code.current(ward.school.id).code,
            parse(f"p{n}@{domain or f'd{n}.example'}"),
            os.urandom(32),
            network=network or f"network{n}",
            doubtful=doubtful,
        )
        for n in (next(_numbers) for _ in range(number))
    ]


def taken(ward: Ward, requests: list[Request], limits: Budgets) -> int:
    answers = request_many(ward.keyring(Zone.MAIL), requests, now=clock.now(), budgets=limits)
    return sum(not isinstance(answer, BudgetSpent) for answer in answers)


def test_one_network_waits_and_the_others_go_on(morning: time_machine.Traveller, ward: Ward) -> None:
    limits = Budgets(network=5)
    assert taken(ward, mails(ward, 4, network="a"), limits) == 4
    assert taken(ward, mails(ward, 4, network="a"), limits) == 1
    assert taken(ward, mails(ward, 4, network="b"), limits) == 4
    morning.shift(timedelta(hours=1, minutes=5))
    assert taken(ward, mails(ward, 4, network="a"), limits) == 4


def test_a_carrier_is_not_held_to_the_budget_of_a_small_domain(ward: Ward) -> None:
    limits = Budgets(domain=3, carrier=6)
    assert taken(ward, mails(ward, 8, domain="small.example"), limits) == 3
    assert taken(ward, mails(ward, 8, domain="docomo.ne.jp"), limits) == 6


def test_in_all(ward: Ward) -> None:
    assert taken(ward, mails(ward, 8), Budgets(all=7)) == 7


def test_what_nobody_vouches_for_has_the_smaller_share(ward: Ward) -> None:
    limits = Budgets(code=20, doubtful_percent=10)
    assert taken(ward, mails(ward, 8, doubtful=True), limits) == 2
    assert taken(ward, mails(ward, 15), limits) == 15
    assert CodePause.select().count() == 0, "doubtful mails alone must not close a school's door"


@pytest.mark.parametrize("known", [True, False])
def test_a_code_under_attack_is_paused_and_resumes_by_itself(
    morning: time_machine.Traveller, ward: Ward, known: bool
) -> None:
    """Also a code that no school has: a pause must not tell them apart."""
    code = security_code.current(ward.school.id).code if known else security_code.mint()
    limits = Budgets(code=5, code_pause=timedelta(minutes=90))
    assert taken(ward, mails(ward, 8, code=code), limits) == 5
    morning.shift(timedelta(minutes=80))
    assert taken(ward, mails(ward, 3, code=code.upper()), limits) == 0
    assert taken(ward, mails(ward, 3, code=security_code.current(ward.other.id).code), limits) == 3
    morning.shift(timedelta(minutes=11))
    assert taken(ward, mails(ward, 3, code=code), limits) == 3


def test_workers_share_a_budget(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Budgets(network=5)
    assert taken(ward, mails(ward, 3, network="a"), limits) == 3
    monkeypatch.setattr(budgets, "_WRITER", budgets._WRITER + 1)
    assert taken(ward, mails(ward, 3, network="a"), limits) == 2


def test_a_mail_that_waited_is_taken_when_it_comes_again(morning: time_machine.Traveller, ward: Ward) -> None:
    requests = mails(ward, 3, network="a")
    assert taken(ward, requests, Budgets(network=2)) == 2
    assert taken(ward, requests[2:], Budgets(network=2)) == 0
    morning.shift(timedelta(minutes=66))
    assert taken(ward, requests[2:], Budgets(network=2)) == 1
    assert Registration.select().count() == 3


def test_a_whole_school_registers_in_the_hour_after_the_assembly(ward: Ward) -> None:
    """800 families, two addresses each, four carriers, the carriers' machines in one network."""
    domains = ("docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "gmail.com")
    done = 0
    for n in range(16):
        done += taken(ward, mails(ward, 100, domain=domains[n % 4], network="carrier"), budgets.GENEROUS)
    assert done == 1600


def test_a_hundred_mails_cost_the_statements_of_one(
    ward: Ward,
    statements: list[str],  # noqa: F811
) -> None:
    one, hundred, refused = mails(ward, 1), mails(ward, 100), mails(ward, 100)
    taken(ward, mails(ward, 1), budgets.GENEROUS)
    statements.clear()
    taken(ward, one, budgets.GENEROUS)
    for_one = len(statements)
    statements.clear()
    assert taken(ward, hundred, budgets.GENEROUS) == 100
    assert len(statements) == for_one <= 12, "\n".join(text[:80] for text in statements)
    statements.clear()
    assert taken(ward, refused, Budgets(network=0)) == 0
    assert len(statements) <= for_one, "\n".join(text[:80] for text in statements)


def test_what_no_window_reaches_is_dropped(morning: time_machine.Traveller, ward: Ward) -> None:
    taken(ward, mails(ward, 10), budgets.GENEROUS)
    assert BudgetUse.select().count() > 10
    morning.shift(timedelta(hours=3))
    taken(ward, mails(ward, 1), budgets.GENEROUS)
    assert BudgetUse.select().count() == 4


def test_no_network_and_no_domain_lies_open_in_a_row(ward: Ward) -> None:
    taken(ward, mails(ward, 1, domain="family.example", network="cb0071/24v4"), budgets.GENEROUS)
    lying = b"".join(bytes(row.key) for row in BudgetUse.select())
    assert b"family" not in lying
    assert b"cb0071" not in lying


def test_an_alarm_is_told_once_a_minute_and_stays_for_operators(
    morning: time_machine.Traveller, ward: Ward, database: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    limits = Budgets(network=1)
    for _ in range(5):
        taken(ward, mails(ward, 3, network="a"), limits)
    assert capfd.readouterr().err.count('"budget.spent"') == 1
    morning.shift(60)
    taken(ward, mails(ward, 3, network="a"), limits)
    assert capfd.readouterr().err.count('"budget.spent"') == 1
    assert {row.kind for row in Alarm.select()} == {"network"}
    assert sum(row.refused for row in Alarm.select()) == 17


def karamail_says(config_file: object, *words: str) -> str:
    done = CliRunner().invoke(karamail, ["--config", str(config_file), *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_operators_see_pause_and_alarm_and_can_end_it(ward: Ward, database: Config, tmp_path: object) -> None:
    code = security_code.current(ward.school.id).code
    assert taken(ward, mails(ward, 3, code=code), Budgets(code=2)) == 2
    file = f"{tmp_path}/karamail.toml"
    report = json.loads(karamail_says(file, "status", "--json"))
    assert [(row["code"], row["school"]) for row in report["codes_paused"]] == [(code, "みどり小学校")]
    assert [(row["kind"], row["refused"]) for row in report["alarms"]] == [("code", 1)]
    assert "resumed" in karamail_says(file, "code", "resume", code)
    assert "not paused" in karamail_says(file, "code", "resume", code)
    assert taken(ward, mails(ward, 1, code=code), budgets.GENEROUS) == 1
    assert "paused until" in karamail_says(file, "code", "pause", code.upper(), "--minutes", "5")
    assert taken(ward, mails(ward, 1, code=code), budgets.GENEROUS) == 0
    assert "no school has it" not in karamail_says(file, "status")
    db.vanish()
