"""A ward as the domain knows it: schools, classes, their people; guardians registered by the domain itself.

`found(config)` writes it into the connected database. `Ward.many(n)` adds guardians by the thousand, without
real names: for the queue they are only addresses.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from appliance import (
    address,
    audience,
    broadcast,
    clock,
    db,
    delivery,
    keystore,
    registration,
    security_code,
    token,
)
from appliance.actor import Actor, Role
from appliance.audience import Audience
from appliance.config import Config, Zone
from appliance.delivery import Claimed, Outcome, Result
from appliance.directory import schools
from appliance.keys import Keyring
from appliance.models import Account, Address, Broadcast, Child, Delivery, Registration, School, SchoolClass
from appliance.models.fields import row_id
from appliance.registration.request import Requested, link_token

SITES = ("docomo", "au", "softbank", "google")


@dataclass(frozen=True)
class Ward:
    config: Config
    school: School
    classes: list[SchoolClass]
    other: School
    other_classes: list[SchoolClass]
    account_id: int

    def keyring(self, zone: Zone) -> Keyring:
        return keystore.open_keyring(self.config, zone)

    def empty_mail(
        self,
        sender: str,
        *,
        school: School | None = None,
        code: str = "",
        digest: bytes = b"",
        budget: int = 10,
    ) -> Requested:
        """An empty mail has arrived and was judged sound."""
        return registration.request(
            self.keyring(Zone.MAIL),
            local_part=code or security_code.current((school or self.school).id).code,
            sender=address.parse(sender),
            digest=digest or os.urandom(32),
            now=clock.now(),
            budget=budget,
        )

    def link(self, registration_id: int | None) -> str:
        """The token as it stands in the reply mail."""
        assert registration_id is not None
        return token.write(link_token(self.keyring(Zone.MAIL), registration_id))

    def confirm(
        self, link: str, child: str, guardian: str, school_class: SchoolClass | None = None
    ) -> registration.Confirmed:
        """The guardian fills in the form."""
        return registration.confirm(
            self.keyring(Zone.GUARDIAN),
            link,
            school_class_id=(school_class or self.classes[0]).id,
            child_name=child,
            guardian_name=guardian,
            now=clock.now(),
        )

    def register(
        self, sender: str, child: str, guardian: str, school_class: SchoolClass | None = None
    ) -> Registration:
        """All the way from the empty mail."""
        school = School.get_by_id((school_class or self.classes[0]).school_id)
        made = self.empty_mail(sender, school=school)
        self.confirm(self.link(made.registration_id), child, guardian, school_class)
        return Registration.get_by_id(made.registration_id)

    def many(self, count: int, *, sites: tuple[str, ...] = SITES) -> None:
        """So many guardians, each with one child, over the school's classes and the given sites."""
        now, sealed = clock.now(), b"sealed"
        ids = [(row_id(), row_id(), row_id()) for _ in range(count)]
        addresses = [
            {"id": a, "school_id": self.school.id, "address_index": a.to_bytes(16, "big"), "sealed": sealed,
             "site": sites[n % len(sites)], "created_at": now}
            for n, (a, _, _) in enumerate(ids)
        ]  # fmt: skip
        children = [
            {"id": c, "school": self.school.id, "school_class": self.classes[n % len(self.classes)],
             "name_sealed": sealed, "name_index": c.to_bytes(16, "big"), "created_at": now}
            for n, (_, c, _) in enumerate(ids)
        ]  # fmt: skip
        registrations = [
            {"id": r, "school": self.school.id, "address": a, "child": c, "guardian_name_sealed": sealed,
             "state": "confirmed", "token_hash": r.to_bytes(32, "big"), "requested_at": now,
             "expires_at": now, "confirmed_at": now}
            for a, c, r in ids
        ]  # fmt: skip
        for model, rows in ((Address, addresses), (Child, children), (Registration, registrations)):
            for start in range(0, count, 500):
                model.insert_many(rows[start : start + 500]).execute()

    def actor(
        self, role: Role = Role.PRINCIPAL, *schools_of: School, zone: Zone = Zone.ADMIN, account_id: int = 0
    ) -> Actor:
        """Somebody of these schools (of みどり小学校 when none is named), without the way through a login."""
        places = schools_of or (self.school,)
        return Actor(account_id or self.account_id, role, frozenset(place.id for place in places), zone)

    def draft(
        self,
        *,
        urgent: bool = True,
        classes: list[SchoolClass] | None = None,
        subject: str = "休校のお知らせ",
        body: str = "大雨のため、本日は休校とします。",
    ) -> Broadcast:
        """The principal has written a mail to these classes, or to the whole school."""
        chosen = None if classes is None else frozenset(row.id for row in classes)
        return broadcast.draft(
            self.actor(),
            self.school,
            urgent=urgent,
            category="disaster",
            once_key=os.urandom(8).hex(),
            now=clock.now(),
            subject=subject,
            body=body,
            audience=Audience(chosen),
        )

    def send(self, written: Broadcast, *, shown: int | None = None) -> int:
        """The principal presses the button, having seen so many addresses (all that there are)."""
        if shown is None:
            shown = audience.echo(written.school_id, Audience.read(written.audience)).addresses
        return broadcast.send(self.config, self.actor(), written, shown_addresses=shown, now=clock.now())

    def broadcast_to(self, count: int, *, urgent: bool = True, sites: tuple[str, ...] = SITES) -> Broadcast:
        """A broadcast that has just been sent to so many new guardians."""
        self.many(count, sites=sites)
        written = self.draft(urgent=urgent)
        self.send(written)
        return written


def take(worker: str, site: str, limit: int = 100, *, lease_s: float = 60.0) -> list[Claimed]:
    """What a worker does first."""
    return delivery.claim(worker, site, limit=limit, lease_s=lease_s, now=clock.now())


def result(claimed: Claimed, outcome: Outcome, *, worker: str = "w1", at: datetime | None = None) -> Result:
    """How an attempt ended."""
    return Result(
        claimed.id, claimed.token, claimed.lane, claimed.attempts, worker, outcome, at or clock.now()
    )


def states(written: Broadcast | None = None) -> dict[str, int]:
    """How many deliveries are in which state."""
    query = Delivery.select(Delivery.state)
    if written is not None:
        query = query.where(Delivery.broadcast == written.id)
    counted: dict[str, int] = {}
    for (state,) in query.tuples():
        counted[state] = counted.get(state, 0) + 1
    return counted


def together(*jobs: Callable[[], object]) -> list[object]:
    """Runs the jobs at the same moment, each in a thread with its own connection; what each came to."""
    barrier = threading.Barrier(len(jobs))
    ends: list[object] = [None] * len(jobs)

    def run(place: int, job: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            ends[place] = job()
        except Exception as error:  # noqa: BLE001  (what it came to is what the test asks)
            ends[place] = error
        finally:
            db.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return ends


def found(config: Config) -> Ward:
    """Writes the ward; its one account has no password that works."""
    keystore.publish_zone_keys(config.secrets_dir)
    school = schools.add_school("elementary", "みどり小学校", "Midori Elementary School")
    classes = schools.add_classes(school, [("1年", "1組"), ("1年", "2組"), ("2年", "1組")])
    other = schools.add_school("kindergarten", "わかば幼稚園", "Wakaba Kindergarten")
    other_classes = schools.add_classes(other, [("年長", "ゆり組")])
    principal = Account.create(
        login_id="kocho", role=Role.PRINCIPAL, display_name="校長", password_phc="-",
        password_changed_at=clock.now(), created_at=clock.now(),
    )  # fmt: skip
    return Ward(config, school, classes, other, other_classes, principal.id)
