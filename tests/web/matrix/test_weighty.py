"""Which acts ask anew who is there (step-up): every address is tried with a proof that is too old."""

from datetime import timedelta

import pytest
from flask import Flask

from appliance import clock
from appliance.config import Zone
from appliance.models import Audit, Broadcast, StaffSession
from tests.web.matrix import table
from tests.web.matrix.walking import Question, Walk, objects, people, questions
from tests.web.staff.ward import Clerk, Ward, write
from web.admin.app import create_app

BOTH = {
    "POST check.decide",
    "POST status.late",
    "POST factors.add_passkey",
    "POST factors.add_totp",
    "POST factors.remove",
    "POST factors.codes",
    "POST devices.code",
}
"""A mail to a whole school or the ward; what lets somebody in."""
WEIGHTY = {
    Zone.SENDER: BOTH,
    Zone.ADMIN: BOTH
    | {
        "GET call_sheet.sheet",
        "HEAD call_sheet.sheet",
        "POST corrections.remove",
        "POST delivery_tests.monthly",
        "POST records.download",
        "POST reports.one",
        "POST person.invite",
        "POST person.resume",
        "POST notices.mine",
        "POST notices.end",
        "POST device_register.decide",
        "POST device_register.renewals",
        "POST lost_factors.reset",
    },
}


@pytest.mark.parametrize("zone", [Zone.SENDER, Zone.ADMIN])
def test_these_ask_anew_and_no_other_does(zone: Zone, ward: Ward, request: pytest.FixtureRequest) -> None:
    app: Flask = request.getfixturevalue(zone.value)
    people(ward)
    ids = objects(ward, ward.school, "kocho")
    walks = {role: Walk.of(app, ward, role) for role in table.ROLES}
    StaffSession.update(confirmed_at=clock.now() - timedelta(hours=1)).execute()
    asked = set()
    for question, rule in questions(app):
        letters = zip(table.ROLES, table.STAFF_SITES[zone][str(question)].own, strict=True)
        role = next((role for role, letter in letters if letter == "+"), table.ROLES[0])
        methods = ("GET", "HEAD") if question.method == "GET" else (question.method,)
        for method in methods:
            each = Question(question.endpoint, method)
            if walks[role].outcome(each, rule, ids, decision="approve") == ">":
                asked.add(str(each))
    assert asked == WEIGHTY[zone]
    opened = Audit.select().where(Audit.act == "call_sheet.opened")
    assert not opened.exists()


@pytest.mark.parametrize(("classes", "asked"), [(3, True), (2, False)])
def test_all_classes_that_have_anybody_are_the_whole_school(ward: Ward, classes: int, asked: bool) -> None:
    """The fourth class has nobody: to leave it out reaches every family all the same."""
    clerk = Clerk(create_app(ward.config))
    clerk.login("kocho")
    chosen = [str(row.id) for row in ward.classes[:classes]]
    written = write(clerk, scope="classes", school_class=chosen)
    StaffSession.update(confirmed_at=clock.now() - timedelta(hours=1)).execute()
    clerk.send()
    assert (Broadcast.get_by_id(written).state == "draft") is asked
    assert (clerk.status == 401) is asked
