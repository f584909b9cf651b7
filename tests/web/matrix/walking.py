"""Asking every address of a site as somebody, without anything staying changed.

`people(ward)` makes one person per role. `Walk.outcome(...)` sends one request inside a transaction that is
rolled back, and says what became of it: `+` it was let in (whatever the page then says), `-` 403, `0` 404,
`>` sent to the login.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from flask import Flask
from werkzeug.routing import Rule

from appliance import account, clock, token
from appliance.account import report
from appliance.actor import Duty, Role
from appliance.audience import Audience
from appliance.broadcast import draft
from appliance.config import Zone
from appliance.models import Account, Audit, Device, Factor, Registration, School, StaffSession
from appliance.models.base import database
from appliance.states import DeviceState, RegistrationState
from tests.web.common.visitor import Visitor, visit
from tests.web.staff.ward import PASSWORD, Ward
from web.common import cookies
from web.common.site import Site

LOGINS = {
    Role.PRINCIPAL: "kocho",
    Role.STAFF: "sensei",
    Role.WARD_OFFICER: "officer",
    Role.OPERATOR: "operator",
    Role.AUDITOR: "auditor",
}
_NETWORK = "127.0.0.1"


@dataclass(frozen=True)
class Question:
    """One row of the matrix."""

    endpoint: str
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def questions(app: Flask) -> Iterator[tuple[Question, Rule]]:
    """Every rule of the url map with every method that it knows."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Question(rule.endpoint, method), rule


def people(ward: Ward) -> None:
    """One account for each role that is no school's."""
    for role in (Role.WARD_OFFICER, Role.OPERATOR, Role.AUDITOR):
        account.add(
            ward.config, login_id=LOGINS[role], role=role, display_name=LOGINS[role],
            school_ids=[], password=PASSWORD, now=clock.now(),
        )  # fmt: skip


def objects(ward: Ward, school: School, author: str) -> dict[str, Any]:
    """An id of every kind, of this school. A new kind of id in an address needs a line here."""
    writer = Account.get(Account.login_id == author)
    written = draft(
        ward.actor(Role.PRINCIPAL, school, account_id=writer.id), school, urgent=True, category="crime",
        once_key=f"matrix-{school.id}", now=clock.now(), subject="件名", body="本文", audience=Audience(None),
    )  # fmt: skip
    named = report.report(
        ward.actor(Role.PRINCIPAL, school, account_id=writer.id), login_id=f"new-{school.id}",
        display_name="教諭 新田 春香", role=Role.STAFF, duty=Duty.HANDLER, school_id=school.id,
        now=clock.now(),
    )  # fmt: skip
    registered = Registration.get(
        Registration.school == school, Registration.state == RegistrationState.CONFIRMED
    )
    classes = ward.classes if school == ward.school else ward.other_classes
    return {
        "school_id": school.id,
        "school_class_id": classes[0].id,
        "broadcast_id": written.id,
        "registration_id": registered.id,
        "device_id": Device.create(
            kind="own_phone", state="approved", holder=writer, name="iPhone", os="ios", os_version="18",
            firewall=True, screen_lock=True, requested_at=clock.now(),
        ).id,
        "factor_id": Factor.create(
            account=Account.get(Account.login_id == "two"), zone="admin", kind="totp", name="App",
            secret=b"x", created_at=clock.now(),
        ).id,
        "session_id": 10**9,
        "code": "abcd-efgh",
        "account_id": Account.get(Account.login_id == ("sensei" if school == ward.school else "encho")).id,
        "report_id": named.id,
        "record_id": Audit.select().order_by(Audit.id).get().id,
        "text": "a" * 26,
        "filename": "karamail.css",
        "print": "0" * 12,
        "name": "staff.css",
    }  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where somebody sits: at a device of some kind (None: one that nobody enrolled), in some network."""

    kind: str | None = None
    network: str = _NETWORK
    state: DeviceState = DeviceState.ACTIVE
    this_year: bool = True

    def device(self, holder: Account) -> tuple[Device, bytes]:
        """Its row, as enrolment leaves it, and the secret of its cookie."""
        secret, now = token.fresh(), clock.now()
        made = Device.create(
            kind=self.kind, state=self.state, holder=holder, name="x", os="ios", os_version="18",
            firewall=True, screen_lock=True, requested_at=now, token_hash=token.hashed(secret),
            ends_at=now + timedelta(days=1 if self.this_year else -1),
        )  # fmt: skip
        return made, secret


class Walk:
    """One site, walked by one role (None: nobody has logged in)."""

    def __init__(self, app: Flask, carried: dict[str, str], network: str = _NETWORK) -> None:
        """`carried`: cookies by their purpose."""
        self._app = app
        self.client: Visitor = visit(app)
        self.client.environ_base["REMOTE_ADDR"] = network
        site: Site = app.extensions["karamail.site"]
        for purpose, value in carried.items():
            host = site.origin.partition("://")[2]
            self.client.set_cookie(cookies.name(site, purpose), value, domain=host)
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get("/login").text)
        self._proof = found[1] if found else ""  # none where not even the login opens

    @classmethod
    def of(cls, app: Flask, ward: Ward, role: Role | None) -> Self:
        """Somebody who has logged in, where no device is asked for."""
        if role is None:
            return cls(app, {})
        zone = Zone(app.extensions["karamail.site"].zone)
        opened, _ = account.login(
            ward.config, zone, LOGINS[role], PASSWORD, network=_NETWORK, now=clock.now()
        )
        return cls(app, {"session": opened})

    @classmethod
    def at(cls, place: Place, app: Flask, role: Role) -> Self:
        """Somebody whose session is open at that device, and who carries all its cookies."""
        who, now, secret = Account.get(Account.login_id == LOGINS[role]), clock.now(), token.fresh()
        carried = {"session": secret.hex()}
        device = None
        if place.kind is not None:
            device, known = place.device(who)
            carried["device"] = known.hex()
        StaffSession.create(
            token_hash=token.hashed(secret), account=who, zone=app.extensions["karamail.site"].zone,
            network=place.network, agent="", device=device, created_at=now, seen_at=now, opened_at=now,
            confirmed_at=now, ends_at=now + timedelta(hours=1),
        )  # fmt: skip
        return cls(app, carried, place.network)

    def outcome(self, question: Question, rule: Rule, ids: dict[str, Any], **fields: str) -> str:
        with self._app.test_request_context():
            address = self._app.url_map.bind("").build(
                rule.endpoint, {name: ids[name] for name in rule.arguments}
            )
        data = fields | {"csrf_token": self._proof} if question.method == "POST" else None
        kept = dict(self.client._cookies or {})
        with database.atomic() as everything:
            response = self.client.open(address, method=question.method, data=data)
            everything.rollback()
        self.client._cookies = kept  # after a logout, say
        if response.status_code == 401 or response.headers.get("Location", "").startswith("/login?"):
            return ">"
        assert response.status_code < 500, f"{question} {address}: {response.status_code}"
        return {403: "-", 404: "0"}.get(response.status_code, "+")
