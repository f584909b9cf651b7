"""An operator opens the first accounts at a node's console, stops one at night, moves some in April."""

import json

import pytest

from appliance import account, clock, keystore
from appliance.account import invitation
from appliance.config import Config, Zone
from appliance.directory import schools
from appliance.models import Account, AccountSchool, Audit, School
from tests.cli.conftest import Karamail

PASSWORD = "kumo-ga-nagareru-oka-5"


@pytest.fixture
def school(database: Config) -> School:
    keystore.publish_zone_keys(database.secrets_dir)
    schools.add_school("kindergarten", "わかば幼稚園", "Wakaba Kindergarten")
    return schools.add_school("elementary", "みどり小学校", "Midori Elementary School")


def said(karamail: Karamail, *words: str, typed: str = "") -> dict[str, object]:
    result = karamail("account", *words, "--json", typed=typed)
    assert result.exit_code == 0, result.output
    facts: dict[str, object] = json.loads(result.stdout)
    return facts


def invite(karamail: Karamail, login_id: str, school: School) -> dict[str, object]:
    return said(karamail, "invite", login_id, "--role", "staff", "--school", str(school.id), typed="教諭\n")


def test_the_first_ward_officer_is_invited_from_the_console(
    karamail: Karamail, database: Config, school: School
) -> None:
    facts = said(karamail, "invite", "Kutan", "--role", "ward_officer", typed="区担当 岡 四郎\n")
    assert (facts["login_id"], facts["state"]) == ("kutan", "invited")
    link = str(facts["link"])
    assert link.startswith("http://admin.midori.example/invitation/")
    text = link.rpartition("/")[2]
    invitation.accept(database, text, PASSWORD, network="192.0.2.1", now=clock.now())
    assert Account.get(Account.login_id == "kutan").state == "active"
    rows = list(Audit.select().where(Audit.network == "console").order_by(Audit.id))
    assert [row.act for row in rows] == ["account.added", "invitation.issued"]
    assert {(row.account_id, row.role, row.zone) for row in rows} == {(None, "operator", "cli")}


def test_a_second_invitation_needs_only_the_id_and_ends_the_first(karamail: Karamail, school: School) -> None:
    first = invite(karamail, "t-1", school)
    second = said(karamail, "invite", "t-1")
    assert second["account"] == first["account"]
    assert second["link"] != first["link"]


def test_somebody_new_needs_a_role(karamail: Karamail, school: School) -> None:
    result = karamail("account", "invite", "t-1")
    assert result.exit_code == 2
    assert "needs --role" in result.output
    assert Account.select().count() == 0


def test_suspended_at_night_and_let_in_again(karamail: Karamail, school: School) -> None:
    invite(karamail, "t-1", school)
    assert said(karamail, "suspend", "t-1")["state"] == "suspended"
    refused = karamail("account", "invite", "t-1")
    assert refused.exit_code == 1
    assert "nothing was done" in refused.output
    assert said(karamail, "resume", "t-1")["state"] == "invited"


def log_in(config: Config, login_id: str) -> None:
    account.login(config, Zone.ADMIN, login_id, PASSWORD, network="192.0.2.1", now=clock.now())


def test_everybody_is_logged_out_after_an_attack(
    karamail: Karamail, database: Config, school: School
) -> None:
    for login_id in ("t-1", "t-2"):
        link = str(invite(karamail, login_id, school)["link"])
        invitation.accept(database, link.rpartition("/")[2], PASSWORD, network="192.0.2.1", now=clock.now())
        log_in(database, login_id)
    assert said(karamail, "logout", "t-1")["sessions_ended"] == 1
    assert said(karamail, "logout", "--all") == {"people": 2, "sessions_ended": 1}
    assert said(karamail, "logout", "--all")["sessions_ended"] == 0
    log_in(database, "t-1")


@pytest.mark.parametrize("words", [(), ("t-1", "--all")])
def test_who_is_logged_out_has_to_be_said(karamail: Karamail, school: School, words: tuple[str, ...]) -> None:
    refused = karamail("account", "logout", *words)
    assert refused.exit_code == 2
    assert "give one LOGIN_ID, or --all" in refused.output


def test_several_move_or_nobody(karamail: Karamail, school: School) -> None:
    other = School.get(School.kind == "kindergarten")
    for login_id in ("t-1", "t-2"):
        invite(karamail, login_id, school)
    between = ("--from", str(school.id), "--to", str(other.id))
    assert karamail("account", "move", "t-1", "nobody", *between).exit_code == 1
    assert said(karamail, "move", "t-1", "t-2", *between)["moved"] == ["t-1", "t-2"]
    assert {row.school_id for row in AccountSchool.select()} == {other.id}
    assert karamail("account", "move", "t-1", *between).exit_code == 1  # not there any more
    assert karamail("account", "move", "t-1", "--from", str(other.id), "--to", "99").exit_code == 1


def test_the_work_of_several_ends(karamail: Karamail, school: School) -> None:
    invite(karamail, "t-1", school)
    assert said(karamail, "end", "t-1", "--school", str(school.id))["ended"] == ["t-1"]
    assert Account.get().state == "ended"


def test_a_name_is_asked_for_and_no_argument(karamail: Karamail, school: School) -> None:
    """What is typed behind a command stands in every member's journal."""
    refused = karamail("account", "invite", "t-1", "--role", "staff", "--name", "教諭 林 二葉")
    assert refused.exit_code == 2
    said(karamail, "invite", "t-1", "--role", "staff", "--school", str(school.id), typed="教諭 林 二葉\n")
    assert Account.get(Account.login_id == "t-1").display_name == "教諭 林 二葉"
