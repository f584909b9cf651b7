"""Who manages and who handles each school's ids, and who has read the rules (R15, R33)."""

from datetime import timedelta

import time_machine

from appliance import clock
from appliance.account import handover, register, training
from appliance.actor import Actor, Duty, Role
from appliance.models import Account, AccountSchool, Audit
from tests.flows.test_people import approve, hire, name, officer
from tests.flows.ward import Ward

__all__ = ["officer"]


def test_the_register_says_who_manages_who_handles_and_who_approved_it(ward: Ward, officer: Actor) -> None:
    Account.update(duty="manager").where(Account.id == ward.account_id).execute()
    AccountSchool.create(account=ward.account_id, school=ward.school)
    person = approve(ward, officer, name(ward))
    ended = Account.get_by_id(hire(ward, "gone", Role.STAFF, ward.school).account_id)
    handover.end(officer, [ended], ward.school.id, clock.now())
    manager, handler = register.of_school(ward.config, ward.school.id, clock.now())
    assert (manager.login_id, manager.duty, manager.approved_by) == ("kocho", Duty.MANAGER, "")
    assert (handler.account_id, handler.duty) == (person.id, Duty.HANDLER)
    assert (handler.reported_by, handler.approved_by) == ("校長", "kutanさん")
    (line, other) = register.of_ward(ward.config, clock.now())
    assert (line.managers, line.handlers, line.untrained, other.managers) == (["校長"], 1, 2, [])


def test_the_rules_are_read_once_in_every_school_year(
    morning: time_machine.Traveller, ward: Ward, officer: Actor
) -> None:
    def missing() -> list[str]:
        return [person.login_id for person, _ in register.untrained(ward.config, clock.now())]

    assert missing() == ["kocho", "kutan"]
    for _ in range(2):
        training.acknowledge(ward.config, ward.actor(), clock.now())
    assert missing() == ["kutan"]
    assert Audit.select().where(Audit.act == "training.acknowledged").count() == 1
    morning.shift(timedelta(days=357))  # 31 March
    assert missing() == ["kutan"]
    morning.shift(timedelta(days=1))
    assert missing() == ["kocho", "kutan"]
