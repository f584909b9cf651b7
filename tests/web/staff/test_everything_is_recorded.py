"""Every view of both sites, from the url map: what changes or opens something leaves a record, no other does.

A new route fails here until it is listed in `acts` with its act, or with None: then it may open
nothing and change nothing, and that is looked at.
"""

from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pyotp
import pytest
from flask import Flask

from appliance import clock, token
from appliance.account import report
from appliance.actor import Duty, Role
from appliance.audit import Act
from appliance.models import (
    ALL,
    Account,
    Audit,
    Challenge,
    Device,
    Factor,
    LoginFailure,
    Notice,
    PersonReport,
    Registration,
    School,
    StaffSession,
)
from appliance.states import AccountState, RegistrationState
from tests.support.authenticator import Authenticator
from tests.web.staff.acts import ADMIN, BOTH
from tests.web.staff.test_doors import PUBLIC, address, rules
from tests.web.staff.test_language import PEOPLE
from tests.web.staff.ward import PASSWORD, Clerk, Ward, write, write_for_ward

LATE = ("status.late", "POST")
"""Needs an outage of hours: tests/flows/test_late.py has it, with its record."""
NEW = "hidamari-no-machi-kado-5"


class Desk:
    """A principal, a ward officer and an operator at one site, with something of every kind before them."""

    def __init__(self, app: Flask, ward: Ward) -> None:
        self.app, self.ward = app, ward
        self.principal, self.officer, self.operator = Clerk(app), Clerk(app), Clerk(app)
        self.key = Authenticator(app.extensions["karamail.site"].origin)
        self.principal.login("kocho")
        self.officer.login("kutan")
        if "records.latest" in app.view_functions:  # operators have no business on the send-only site
            self.operator.login("itaku")

    def broadcast(self, view: str) -> int:
        """A broadcast in the state in which the view has something to do."""
        if view == "check.refuse":
            staff = Clerk(self.app)
            staff.login("sensei")
            number = write(staff)
            staff.send()
            return number
        if view == "ward.schools":
            return write_for_ward(self.officer)
        number = write(self.principal)
        if view.startswith(("status.", "call_sheet.")):
            self.principal.send()
        return number

    def ids(self, view: str) -> dict[str, int]:
        school = self.ward.school
        registered = Registration.get(
            Registration.school == school, Registration.state == RegistrationState.CONFIRMED
        )
        person = "kansa" if view == "person.retire" else "sensei"
        ids = {
            "school_id": school.id,
            "school_class_id": self.ward.classes[3].id,
            "registration_id": registered.id,
            "record_id": Audit.select().order_by(Audit.id).get().id,
            "account_id": Account.get(Account.login_id == person).id,
            "report_id": self.report() if view == "reports.one" else 0,
        } | self.own(view)
        return ids | (
            {"broadcast_id": self.broadcast(view)} if view.split(".", maxsplit=1)[0] in _OF_BROADCASTS else {}
        )

    def own(self, view: str) -> dict[str, int]:
        """A device, a factor and another login of the principal."""
        room, mine = view.split(".", maxsplit=1)[0], Account.get(Account.login_id == "kocho")
        zone, now = self.app.extensions["karamail.site"].zone, clock.now()
        if room in ("devices", "device_register"):
            state = "approved" if room == "devices" else "requested"
            kept = view in ("devices.renew", "device_register.renewals")
            made = Device.create(
                kind="own_phone", state="active" if kept else state, holder=mine, name="iPhone", os="ios",
                os_version="18", firewall=True, screen_lock=True, requested_at=now,
                token_hash=token.hashed(token.fresh()) if kept else None,
                ends_at=now + timedelta(days=1) if kept else None,
                renewal_at=now if view == "device_register.renewals" else None,
            )  # fmt: skip
            return {"device_id": made.id}
        if room == "factors":
            made = Factor.create(
                account=mine, zone=zone, kind="totp", name="App", secret=b"x", created_at=now
            )
            return {"factor_id": made.id}
        if room == "places":
            made = StaffSession.create(
                token_hash=token.hashed(token.fresh()), account=mine, zone=zone, network="", created_at=now,
                seen_at=now, opened_at=now, ends_at=now + timedelta(hours=1),
            )  # fmt: skip
            return {"session_id": made.id}
        return {}

    def report(self) -> int:
        """Somebody new is named to the ward."""
        found = PersonReport.get_or_none(PersonReport.login_id == "atarashii") or report.report(
            self.ward.actor(Role.PRINCIPAL, self.ward.school), login_id="atarashii", now=clock.now(),
            display_name="教諭 新田 春香", role=Role.STAFF, duty=Duty.HANDLER, school_id=self.ward.school.id,
        )  # fmt: skip
        return int(found.id)

    def fields(self, view: str) -> dict[str, object]:
        """What a person fills in."""
        shown = self.principal.page
        code = shown.partition('name="code" value="')[2].partition('"')[0]
        secret = shown.partition('name="secret" value="')[2].partition('"')[0]
        asked = unescape(shown.partition('data-options="')[2].partition('"')[0])
        if view == "factors.add_passkey":
            return {"name": "鍵", "passkey": self.key.create(asked)}
        if view == "factors.add_totp":
            return {"name": "アプリ", "code": pyotp.TOTP(secret).at(clock.now())}
        filled: dict[str, dict[str, object]] = {
            "compose.begin": {"urgent": "no", "category": "event"},
            "ward.begin": {"urgent": "no", "category": "event"},
            "ward.schools": {"scope": "schools", "school": str(self.ward.other.id)},
            "compose.kind": {"urgent": "no", "category": "crime"},
            "compose.audience": {"scope": "classes", "school_class": str(self.ward.classes[0].id)},
            "compose.text": {"subject": "遠足について", "body": "遠足は、明日に延ばします。"},
            "registrants.search": {"child_name": "佐藤 健"},
            "corrections.names": {"child_name": "山田 花", "guardian_name": "山田 太郎"},
            "corrections.school_class": {"school_class": str(self.ward.classes[2].id)},
            "classes.of_school": {"grade": "6年", "label": "1組"},
            "handout.renew": {"code": code},
            "own_account.password": {"old": PASSWORD, "new": NEW, "again": NEW},
            "records.find": {"person": "kocho"},
            "delivery_tests.monthly": {"monthly": "on"},
            "records.download": {"form": "csv"},
            "people.report_for_school": {
                "display_name": "教諭 秋山 実",
                "login_id": "akiyama",
                "role": "staff",
                "duty": "handler",
            },
            "people.report_for_vendor": {
                "display_name": "運用 冬木 一",
                "login_id": "fuyuki",
                "duty": "handler",
            },
            "people.report_for_office": {
                "display_name": "監査 春野 葵",
                "login_id": "haruno",
                "role": "auditor",
            },
            "reports.one": {"decision": "approve"},
            "handover.of_school": {
                "account": str(Account.get(Account.login_id == "sensei").id),
                "action": "move",
                "target": str(self.ward.other.id),
            },
            "training.rules": {"read": "yes"},
            "reason.ask": {"reason": "guardian", "reference": "2026-114"},
            "fresh.confirm": {"proof__password": PASSWORD},
            "factors.name": {"name": "職員室の鍵"},
            "devices.ask": {
                "kind": "own_phone",
                "name": "電話",
                "os": "ios",
                "os_version": "18",
                "statement": ["firewall", "screen_lock"],
            },
            "device_register.decide": {"decision": "approve"},
            "device_register.renewals": {
                "decision": "approve",
                "device": [str(row.id) for row in Device.select().where(Device.renewal_at.is_null(False))],
            },
            "devices.renew": {"os": "ios", "os_version": "18", "statement": ["firewall", "screen_lock"]},
            "lost_factors.reset": {"reason": "lost"},
        }
        return filled.get(view, {})

    def of_view(self, view: str) -> Clerk:
        """Whose business it is."""
        if view == "reason.ask":
            return self.operator
        wards = view.startswith(_OF_THE_WARD) or view in (
            "people.vendor", "people.office", "people.report_for_vendor", "people.report_for_office",
        )  # fmt: skip
        return self.officer if wards else self.principal

    def visit(self, view: str, method: str, path: str) -> Clerk:
        clerk = self.of_view(view)
        if method == "GET":
            clerk.open(path)
            return clerk
        if view == "corrections.vouch":
            Registration.update(doubted_at=clock.now(), doubt="refused").where(
                Registration.id == int(path.split("/")[2])
            ).execute()
        if view in ("person.resume", "handover.of_school"):
            state = AccountState.SUSPENDED if view == "person.resume" else AccountState.ACTIVE
            Account.update(state=state).where(Account.login_id == "sensei").execute()
        if view == "notices.end":
            clerk.send("/account/notices")
        clerk.open("/" if view in _WITHOUT_A_PAGE else path)
        clerk.send(path, **self.fields(view))
        return clerk


_OF_THE_WARD = (
    "records.", "registers.", "reports.", "handover.", "person.", "device_register.", "lost_factors.",
    "ward.",
    "fresh.",  # the principal has factors here, and shows no password any more
)  # fmt: skip
_OF_BROADCASTS = {"compose", "ward", "check", "status", "call_sheet"}
_WITHOUT_A_PAGE = {
    "session.logout", "session.resume", "compose.again",
    "fresh.confirm", "factors.codes", "places.end", "places.end_others", "notices.end",
    "person.resume", "corrections.vouch", "delivery_tests.begin", "delivery_tests.monthly",
}  # fmt: skip
_OWN_LIFE = {Audit, Challenge, LoginFailure, Notice, StaffSession}
"""Tables that a visit alone may change."""


@pytest.fixture
def desk(app: Flask, ward: Ward) -> Desk:
    School.update(approval_required=True).where(School.id == ward.school.id).execute()
    return Desk(app, ward)


def listed(app: Flask) -> dict[tuple[str, str], Act | None]:
    return BOTH | (ADMIN if "records.latest" in app.view_functions else {})


def everything() -> dict[str, list[object]]:
    """Every row of every table but those."""
    return {model._meta.table_name: list(model.select().tuples()) for model in ALL if model not in _OWN_LIFE}


def each(app: Flask) -> Iterator[tuple[str, str]]:
    for rule, method in rules(app):
        if rule.endpoint not in PUBLIC:
            yield rule.endpoint, method


def test_every_route_is_listed_here(app: Flask) -> None:
    assert set(each(app)) == set(listed(app))


def test_what_changes_or_opens_something_is_recorded_and_nothing_else_is(app: Flask, desk: Desk) -> None:
    order = sorted(listed(app), key=lambda pair: (pair[1], pair[0] == ("session.logout", "POST"), pair[0]))
    order.remove(("session.logout", "POST"))
    order.remove(LATE)
    paths = {rule.endpoint: rule for rule, _ in rules(app)}
    for view, method in [*order, ("session.logout", "POST")]:
        act = listed(app)[view, method]
        path = address(app, paths[view], desk.ids(view))
        before, rows = Audit.select().count(), everything()
        clerk = desk.visit(view, method, path)
        acts = [row.act for row in Audit.select().order_by(Audit.id).offset(before)]
        where = f"{method} {view}: {clerk.status} {acts}"
        assert clerk.status in (200, 422 if act is None else 200), where
        if act is not None:
            assert act in acts, where
        else:
            assert acts == [], where
            assert everything() == rows, where
            assert not [name for name in PEOPLE if name in clerk.page], where


def test_a_refused_login_is_recorded_twice_at_most(app: Flask, ward: Ward) -> None:
    """At its first failure, and when it is throttled; alike for an id that nobody has."""
    clerk = Clerk(app)
    for login_id in ("kocho", "dareka"):
        for _ in range(12):
            clerk.login(login_id, "chigau-pasuwaado")
    found = [
        (row.account_id, row.result)
        for row in Audit.select().where(Audit.act == Act.LOGIN_REFUSED).order_by(Audit.id)
    ]
    principal = Account.get(Account.login_id == "kocho").id
    assert found == [(principal, "wrong"), (principal, "throttled"), (None, "wrong"), (None, "throttled")]
    assert "dareka" not in repr(list(Audit.select().tuples()))


def test_a_flood_of_refusals_fills_no_disk(app: Flask, ward: Ward) -> None:
    clerk = Clerk(app)
    clerk.login("kocho")
    for number in range(80):
        clerk.open(f"/schools/{10_000 + number}/broadcasts")
        assert clerk.status == 404
    refused = list(Audit.select().where(Audit.act == Act.REFUSED))
    assert {(row.object_kind, row.result) for row in refused} == {("listing.broadcasts", "not_yours")}
    assert (len(refused), refused[0].object_id) == (60, 10_000)
    clerk = Clerk(app)
    for number in range(80):
        clerk.login(f"dareka{number}", "chigau-pasuwaado")
    assert Audit.select().where(Audit.act == Act.LOGIN_REFUSED).count() == 60
