"""No class is last, no school waits for the end of another's mail: the order in which the queue lets go."""

import os
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance import audience, broadcast, clock, db, delivery
from appliance.actor import Role
from appliance.audience import Audience
from appliance.delivery import Kind, Outcome
from appliance.models import Address, Broadcast, Child, Delivery, Registration, School, SchoolClass
from appliance.models.fields import row_id
from tests.flows.ward import Ward, result, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250, "2.0.0")
LATER = Outcome(Kind.DEFERRED, 450, "4.7.1")


def enrol(school_class: SchoolClass, count: int, site: str = "docomo") -> None:
    """So many guardians of one class at one carrier."""
    now = clock.now()
    ids = [(row_id(), row_id(), row_id()) for _ in range(count)]
    addresses = [
        {"id": a, "school_id": school_class.school_id, "address_index": a.to_bytes(16, "big"),
         "sealed": b"-", "site": site, "created_at": now}
        for a, _, _ in ids
    ]  # fmt: skip
    children = [
        {"id": c, "school": school_class.school_id, "school_class": school_class, "name_sealed": b"-",
         "name_index": c.to_bytes(16, "big"), "created_at": now}
        for _, c, _ in ids
    ]  # fmt: skip
    registrations = [
        {"id": r, "school": school_class.school_id, "address": a, "child": c, "guardian_name_sealed": b"-",
         "state": "confirmed", "token_hash": r.to_bytes(32, "big"), "requested_at": now, "expires_at": now,
         "confirmed_at": now}
        for a, c, r in ids
    ]  # fmt: skip
    for model, rows in ((Address, addresses), (Child, children), (Registration, registrations)):
        for start in range(0, count, 500):
            model.insert_many(rows[start : start + 500]).execute()


def send(ward: Ward, school: School, *, urgent: bool = True) -> Broadcast:
    """To everybody of a school."""
    principal = ward.actor(Role.PRINCIPAL, school)
    written = broadcast.draft(
        principal, school, urgent=urgent, category="disaster", once_key=os.urandom(8).hex(), now=clock.now(),
        subject="休校", body="大雨のため休校とします。", audience=Audience(None),
    )  # fmt: skip
    shown = audience.echo(school.id, Audience(None)).addresses
    broadcast.send(ward.config, principal, written, shown_addresses=shown, now=clock.now())
    return written


def accept(count: int, site: str = "docomo") -> list[int]:
    """A worker has so many accepted, a few at a time; their deliveries in that order."""
    order: list[int] = []
    while len(order) < count and (claimed := take("w1", site, min(7, count - len(order)))):
        delivery.settle([result(row, ACCEPTED) for row in claimed])
        order += [row.id for row in claimed]
    return order


def classes_of(order: list[int]) -> list[int]:
    rows = (
        Delivery.select(Delivery.id, Child.school_class)
        .join(Registration, on=(Registration.address == Delivery.address))
        .join(Child)
        .tuples()
    )
    of = dict(rows)
    return [of[each] for each in order]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 60), min_size=3, max_size=3))
def test_after_any_number_of_mails_each_class_has_had_its_share(ward: Ward, sizes: list[int]) -> None:
    """Half of a walking group got the alarm: at every moment each class is within two of its due."""
    for model in (Delivery, Broadcast, Registration, Child, Address):
        model.delete().execute()
    for school_class, size in zip(ward.classes, sizes, strict=True):
        enrol(school_class, size)
    send(ward, ward.school)
    order = classes_of(accept(sum(sizes)))
    assert len(order) == sum(sizes)
    for sent in range(1, len(order) + 1):
        had = Counter(order[:sent])
        for school_class, size in zip(ward.classes, sizes, strict=True):
            due = sent * size / sum(sizes)
            assert abs(had[school_class.id] - due) <= 2, (sent, size)


def test_inside_a_class_chance_decides(ward: Ward) -> None:
    enrol(ward.classes[0], 60)
    orders = []
    for _ in range(2):
        send(ward, ward.school)
        orders.append([row.address_id for row in Delivery.select().where(Delivery.id.in_(accept(60)))
                       .order_by(Delivery.turn)])  # fmt: skip
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


@pytest.mark.parametrize("urgent", [True, False])
def test_a_small_school_does_not_wait_for_the_end_of_a_large_blast(ward: Ward, urgent: bool) -> None:
    enrol(ward.classes[0], 900)
    enrol(ward.other_classes[0], 60)
    large = send(ward, ward.school, urgent=urgent)
    accept(300)
    small = send(ward, ward.other, urgent=urgent)
    order = accept(240)
    of = dict(Delivery.select(Delivery.id, Delivery.broadcast).tuples())
    sides = [of[each] for each in order]
    assert sides[:120].count(small.id) >= 58, "it alternates with the rest of the blast"
    assert sides[:120].count(large.id) >= 58, "and does not push the blast aside"
    assert sides.count(small.id) == 60


def test_three_schools_take_turns(ward: Ward) -> None:
    enrol(ward.classes[0], 90)
    enrol(ward.other_classes[0], 90)
    sent = [send(ward, school) for school in (ward.school, ward.other, ward.school)]
    of = dict(Delivery.select(Delivery.id, Delivery.broadcast).tuples())
    had = Counter(of[each] for each in accept(90))
    assert all(28 <= had[each.id] <= 32 for each in sent), had


def test_an_urgent_mail_goes_before_every_routine_one_and_before_letters(ward: Ward) -> None:
    enrol(ward.classes[0], 50)
    send(ward, ward.school, urgent=False)
    ward.empty_mail("hogosha@docomo.ne.jp")
    urgent = send(ward, ward.school)
    lanes = [Delivery.get_by_id(each).lane for each in accept(101)]
    assert lanes == [0] * 50 + [1] + [2] * 50
    assert delivery.progress(urgent.id).still_open == 0


def test_what_was_deferred_comes_back_before_what_never_went(ward: Ward) -> None:
    """A greylisted guardian has waited once; the blast is long."""
    enrol(ward.classes[0], 40)
    send(ward, ward.school)
    first = take("w1", "docomo", 5)
    delivery.settle([result(row, LATER) for row in first])
    assert not {row.id for row in first} & set(accept(10))
    Delivery.update(next_at=clock.now() - timedelta(seconds=1)).where(Delivery.state == "deferred").execute()
    assert set(accept(5)) == {row.id for row in first}


# --- the full hour


@pytest.mark.parametrize(
    ("minute", "waits_minutes", "spread_minutes"),
    [(57, 0, 0), (58, 4, 4), (0, 2, 4), (1, 1, 4), (2, 0, 0), (30, 0, 0)],
)
def test_routine_mail_keeps_off_the_full_hour_and_urgent_mail_never_waits(
    ward: Ward, morning: time_machine.Traveller, minute: int, waits_minutes: int, spread_minutes: int
) -> None:
    """docomo suffers at :00, when everybody's mail programs wake up."""
    quiet = ward.config.broadcast.model_copy(update={"quiet_minutes": 2})
    careful = replace(ward, config=ward.config.model_copy(update={"broadcast": quiet}))
    enrol(ward.classes[0], 100)
    morning.move_to(clock.now().replace(minute=minute))
    now = clock.now()
    routine, urgent = (send(careful, ward.school, urgent=kind) for kind in (False, True))
    waits = sorted(
        (row.next_at - now).total_seconds() / 60
        for row in Delivery.select().where(Delivery.broadcast == routine.id)
    )
    assert waits_minutes <= waits[0] <= waits[-1] <= waits_minutes + spread_minutes
    assert waits[-1] - waits[0] >= spread_minutes * 0.9
    assert len(take("w1", "docomo", 500)) == (100 if waits[-1] else 200), "the urgent ones at once"
    assert delivery.progress(urgent.id).by_state["sending"] == 100
    morning.shift(8 * 60)
    assert len(take("w1", "docomo", 500)) == (100 if waits[-1] else 0)


# --- cheap, whatever the length of the queue

LONG = 20_000


def _plan(ward: Ward, sql: str, *parameters: object) -> str:
    word = "EXPLAIN QUERY PLAN" if db.engine() == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in db.statement(f"{word} {sql}", *parameters).fetchall())


def test_a_claim_walks_an_index_and_sorts_nothing(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the queue: no scan of the table, no sort, one step per row that is taken."""
    enrol(ward.classes[0], LONG)
    send(ward, ward.school)
    if db.engine() == "postgresql":
        db.statement("ANALYZE delivery")
    heard: list[tuple[str, tuple[object, ...]]] = []
    real = db.statement
    monkeypatch.setattr(db, "statement", lambda sql, *p: heard.append((sql, p)) or real(sql, *p))
    assert len(take("w1", "docomo", 50)) == 50
    monkeypatch.undo()
    heard = [(sql, parameters) for sql, parameters in heard if "UPDATE" in sql]  # not the reading back
    assert len(heard) == 2
    for index, (sql, parameters) in zip(("delivery_retry", "delivery_turn"), heard, strict=True):
        picked = re.search(r"\((\s*SELECT id FROM delivery.*?)\)\s*UPDATE", sql, re.DOTALL)
        assert picked is not None
        values = parameters[:5]
        plan = _plan(ward, picked[1], *values)
        assert index in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        assert "Sort" not in plan, plan
