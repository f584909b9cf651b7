"""Every address of both sites, from the url map: closed without a session, absent for another school."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from appliance import clock
from appliance.account import report
from appliance.actor import Duty, Role
from appliance.audience import Audience
from appliance.broadcast import draft
from appliance.models import Account, Broadcast, Device, Factor, Registration
from appliance.states import RegistrationState
from tests.web.staff.ward import Clerk, Ward
from web.common.gate import is_public

PUBLIC = {
    "healthz", "assets.static", "staff.file", "session.login", "session.enter", "invitation.accept",
    "enrol.start", "enrol.begin", "enrol.key",  # they ask for the code, and then for the login that it began
}  # fmt: skip
WARD_OFFICE = ("device_register.", "lost_factors.")
"""Rooms that say 403 to everybody but a ward officer, whatever the id."""


def rules(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield rule, method


def address(app: Flask, rule: Rule, ids: dict[str, int]) -> str:
    with app.test_request_context():
        return app.url_map.bind("").build(rule.endpoint, {name: ids.get(name, 1) for name in rule.arguments})


def test_only_these_views_are_public(app: Flask) -> None:
    there = PUBLIC & app.view_functions.keys()  # an invitation opens on the administration site only
    assert {endpoint for endpoint in app.view_functions if is_public(app, endpoint)} == there
    assert PUBLIC - there <= {"invitation.accept"}


def test_without_a_session_every_page_leads_to_the_login(app: Flask, clerk: Clerk) -> None:
    clerk.open("/login")
    token = clerk.page.split('name="csrf_token" value="')[1].split('"')[0]
    for rule, method in rules(app):
        if rule.endpoint in PUBLIC:
            continue
        path = address(app, rule, {})
        if method == "GET":
            response = clerk.client.get(path)
            assert (response.status_code, response.headers["Location"][:7]) == (303, "/login?"), path
        else:
            response = clerk.client.post(path, data={"csrf_token": token})
            assert response.status_code == 401, path


@pytest.fixture
def foreign(ward: Ward) -> dict[str, int]:
    """Ids of every kind that belong to わかば幼稚園."""
    encho = Account.get(Account.login_id == "encho")
    actor = ward.actor(Role.PRINCIPAL, ward.other, account_id=encho.id)
    theirs = draft(
        actor, ward.other, urgent=True, category="crime", once_key="k" * 32, now=clock.now(),
        subject="件名", body="本文", audience=Audience(None),
    )  # fmt: skip
    named = report.report(
        actor, login_id="t-1", display_name="教諭 新田 春香", role=Role.STAFF, duty=Duty.HANDLER,
        school_id=ward.other.id, now=clock.now(),
    )  # fmt: skip
    registration = Registration.get(
        Registration.school == ward.other, Registration.state == RegistrationState.CONFIRMED
    )
    return {
        "school_id": ward.other.id,
        "school_class_id": ward.other_classes[0].id,
        "broadcast_id": theirs.id,
        "registration_id": registration.id,
        "device_id": Device.create(
            kind="own_phone", state="approved", holder=encho, name="わかばの電話", os="ios", os_version="18",
            firewall=True, screen_lock=True, requested_at=clock.now(),
        ).id,
        "factor_id": Factor.create(
            account=encho, zone="admin", kind="totp", name="わかば", secret=b"x", created_at=clock.now()
        ).id,
        "account_id": encho.id,
        "report_id": named.id,
    }  # fmt: skip


def test_ids_of_another_school_are_absent_everywhere(
    app: Flask, clerk: Clerk, foreign: dict[str, int]
) -> None:
    clerk.login("kocho")
    clerk.open("/broadcasts/new")
    token = clerk.page.split('name="csrf_token" value="')[1].split('"')[0]
    before = list(Broadcast.select().dicts()), list(Registration.select(Registration).dicts())
    tried = 0
    for rule, method in rules(app):
        if not rule.arguments & foreign.keys():
            continue
        path = address(app, rule, foreign)
        response = clerk.client.open(
            path, method=method, data={"csrf_token": token} if method == "POST" else None
        )
        closed = 403 if rule.endpoint.startswith(WARD_OFFICE) else 404
        assert response.status_code == closed, f"{method} {path}"
        assert "わかば" not in response.text
        tried += 1
    assert tried > 10
    assert (list(Broadcast.select().dicts()), list(Registration.select(Registration).dicts())) == before


def test_ids_that_never_were_read_like_those_of_another_school(
    app: Flask, clerk: Clerk, foreign: dict[str, int]
) -> None:
    clerk.login("kocho")
    for rule, method in rules(app):
        if method != "GET" or not rule.arguments & foreign.keys():
            continue
        if rule.endpoint.startswith(WARD_OFFICE):
            continue
        theirs = clerk.client.get(address(app, rule, foreign))
        for number in (0, 999_999_999, 2**63, 2**200):
            nobodys = clerk.client.get(address(app, rule, dict.fromkeys(foreign, number)))
            assert (nobodys.status_code, nobodys.text) == (theirs.status_code, theirs.text)
