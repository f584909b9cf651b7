"""Every address × role × site × own or another school, generated from the url maps, against `table`."""

import time

import pytest
from flask import Flask

from appliance import clock, registration, token
from appliance.actor import Role
from appliance.config import Zone
from appliance.models import Broadcast, Registration, StaffSession
from appliance.models.base import database
from appliance.registration.request import link_token
from tests.web.common.visitor import visit
from tests.web.matrix import table
from tests.web.matrix.walking import Walk, objects, people, questions
from tests.web.staff.ward import Ward
from web.common.gate import is_public
from web.guardian.proof import LinkProof

SITES = (Zone.SENDER, Zone.ADMIN)


@pytest.mark.parametrize("zone", SITES)
def test_the_table_has_every_address_and_no_other(zone: Zone, request: pytest.FixtureRequest) -> None:
    app: Flask = request.getfixturevalue(zone.value)
    assert {str(question) for question, _ in questions(app)} == table.STAFF_SITES[zone].keys()


def test_the_table_has_every_address_of_the_guardian_site(guardian: Flask) -> None:
    assert {str(question) for question, _ in questions(guardian)} == table.GUARDIAN_SITE.keys()


@pytest.mark.parametrize("zone", SITES)
def test_public_is_what_the_table_calls_so(zone: Zone, request: pytest.FixtureRequest) -> None:
    app: Flask = request.getfixturevalue(zone.value)
    for question, _rule in questions(app):
        row = table.STAFF_SITES[zone][str(question)]
        assert is_public(app, question.endpoint) == (row.nobody != ">"), question


@pytest.mark.parametrize("zone", SITES)
def test_every_address_lets_in_whom_the_table_names_and_nobody_else(
    zone: Zone, ward: Ward, request: pytest.FixtureRequest
) -> None:
    app: Flask = request.getfixturevalue(zone.value)
    began = time.monotonic()
    people(ward)
    own, other = objects(ward, ward.school, "kocho"), objects(ward, ward.other, "encho")
    before = list(Broadcast.select().dicts()), list(Registration.select(Registration).dicts())
    sessions = StaffSession.select().count()
    wrong, asked = [], 0
    walks = {role: Walk.of(app, ward, role) for role in (*table.ROLES, None)}
    for question, rule in questions(app):
        row = table.STAFF_SITES[zone][str(question)]
        for ids, which, expected in ((own, "own", row.own), (other, "other", row.other)):
            for role, wanted in zip((*table.ROLES, None), expected + row.nobody, strict=True):
                found = walks[role].outcome(question, rule, ids)
                asked += 1
                if found != wanted:
                    wrong.append(f"{question}, {role or 'nobody'}, {which} school: {found}, not {wanted}")
    assert wrong == []
    assert (list(Broadcast.select().dicts()), list(Registration.select(Registration).dicts())) == before
    assert StaffSession.select().count() == sessions + len(table.ROLES)
    took = time.monotonic() - began
    print(f"{zone.value}: {len(table.STAFF_SITES[zone])} addresses, {asked} requests, {took:.1f} s")


def test_a_session_of_one_site_is_worth_nothing_on_the_other(ward: Ward, admin: Flask, sender: Flask) -> None:
    people(ward)
    ids = objects(ward, ward.school, "kocho")
    for here, there in ((admin, sender), (sender, admin)):
        walk = Walk.of(here, ward, Role.PRINCIPAL)
        site = here.extensions["karamail.site"]
        other = there.extensions["karamail.site"]
        cookie = next(iter(walk.client._cookies.values()))
        stranger = Walk.of(there, ward, None)
        name = f"karamail_{other.zone.value}_session"
        stranger.client.set_cookie(name, cookie.value, domain=other.origin.partition("://")[2])
        assert site.zone != other.zone
        for question, rule in questions(there):
            wanted = table.STAFF_SITES[other.zone][str(question)].nobody
            assert stranger.outcome(question, rule, ids) == wanted, question


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("zone", SITES)
def test_no_other_method_does_anything(
    zone: Zone, method: str, ward: Ward, request: pytest.FixtureRequest
) -> None:
    app: Flask = request.getfixturevalue(zone.value)
    people(ward)
    walk = Walk.of(app, ward, Role.PRINCIPAL)
    with app.test_request_context():
        ids = objects(ward, ward.school, "kocho")
        adapter = app.url_map.bind("")
        paths = {
            adapter.build(rule.endpoint, {name: ids[name] for name in rule.arguments})
            for _, rule in questions(app)
        }
    for path in paths:
        assert walk.client.open(path, method=method).status_code == 405, path


def test_every_address_of_the_guardian_site_opens_to_its_link_alone(guardian: Flask, ward: Ward) -> None:
    links = _links(ward)
    assert tuple(links) == table.LINKS
    client = visit(guardian, cookies=False)
    wrong = []
    for question, rule in questions(guardian):
        found = ""
        for link in links.values():
            with guardian.test_request_context(f"/r/{link}"):
                data = {"csrf_token": LinkProof().issue()}
            with guardian.test_request_context():
                names = {name: link if name == "token" else "karamail.css" for name in rule.arguments}
                path = guardian.url_map.bind("").build(rule.endpoint, names)
            with database.atomic() as everything:
                posting = question.method == "POST"
                response = client.open(path, method=question.method, data=data if posting else None)
                everything.rollback()
            assert response.status_code < 500, path
            found += {404: "0", 410: "x"}.get(response.status_code, "+")
        if found != table.GUARDIAN_SITE[str(question)]:
            wrong.append(f"{question}: {found}, not {table.GUARDIAN_SITE[str(question)]}")
    assert wrong == []


def _links(ward: Ward) -> dict[str, str]:
    mail, guardian = ward.keyring(Zone.MAIL), ward.keyring(Zone.GUARDIAN)

    def link(registration_id: int) -> str:
        return token.write(link_token(mail, registration_id))

    waiting, used, expired = (ward.ask(f"{name}@example.jp") for name in ("waiting", "used", "expired"))
    registration.confirm(
        guardian, link(used), school_class_id=ward.classes[0].id, child_name="森 光", guardian_name="森 進",
        now=clock.now(),
    )  # fmt: skip
    Registration.update(expires_at=clock.now()).where(Registration.id == expired).execute()
    return {
        "open": link(waiting),
        "used": link(used),
        "expired": link(expired),
        "unknown": token.write(b"0" * 16),
    }
