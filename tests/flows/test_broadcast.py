"""一斉配信: what the principal is shown is what is sent, to everybody once, and only when somebody may."""

from datetime import timedelta

import pytest
import time_machine

from appliance import audience, broadcast, clock
from appliance.actor import Role
from appliance.audience import Audience
from appliance.config import Zone
from appliance.errors import (
    AudienceChanged,
    AudienceEmpty,
    NotAllowed,
    NotYours,
    TextInvalid,
    WrongState,
)
from appliance.models import Account, Audit, Broadcast, Delivery, Registration, School
from tests.flows.ward import Ward, states, together


@pytest.fixture
def families(ward: Ward) -> Ward:
    """花子 (1年1組) with both parents, 一郎 (2年1組) her brother, 健 (1年2組); 光 at the kindergarten."""
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎", ward.classes[0])
    ward.register("yuki@gmail.com", "山田 花子", "山田 雪", ward.classes[0])
    ward.register("taro@docomo.ne.jp", "山田 一郎", "山田 太郎", ward.classes[2])
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    ward.register("taro@docomo.ne.jp", "山田 光", "山田 太郎", ward.other_classes[0])
    Delivery.delete().execute()
    return ward


# --- the echo


def test_the_echo_of_the_whole_school_is_what_is_sent(families: Ward) -> None:
    written = families.draft()
    shown = audience.echo(families.school.id, Audience(None))
    assert (shown.whole_school, shown.children, shown.addresses) == (True, 3, 3)
    assert shown.by_carrier == {"docomo": 1, "google": 1, "au": 1}
    assert families.send(written, shown=shown.addresses) == shown.addresses
    rows = list(Delivery.select())
    assert len({row.address_id for row in rows}) == len(rows) == 3
    assert {row.school_id for row in rows} == {families.school.id}


@pytest.mark.parametrize(
    ("chosen", "children", "addresses"), [([0], 1, 2), ([1], 1, 1), ([0, 2], 2, 2), ([0, 1], 2, 3)]
)
def test_only_the_chosen_classes_get_it(
    families: Ward, chosen: list[int], children: int, addresses: int
) -> None:
    classes = [families.classes[place] for place in chosen]
    written = families.draft(classes=classes)
    shown = audience.echo(families.school.id, Audience.read(written.audience))
    assert (shown.children, shown.addresses) == (children, addresses)
    assert [row.school_class_id for row in shown.classes] == [row.id for row in classes]
    assert families.send(written) == addresses


def test_a_guardian_of_two_children_gets_one_mail(families: Ward) -> None:
    families.send(families.draft(classes=[families.classes[0], families.classes[2]]))
    taro = Registration.get(Registration.child.is_null(False)).address_id
    assert Delivery.select().where(Delivery.address == taro).count() == 1
    assert Delivery.select().count() == 2


def test_who_only_asked_or_has_left_gets_nothing(families: Ward) -> None:
    families.empty_mail("curious@docomo.ne.jp")
    Delivery.delete().execute()
    sato = Registration.get(Registration.child.is_null(False), Registration.state == "confirmed")
    Registration.update(state="withdrawn").where(Registration.id == sato.id).execute()
    before = audience.echo(families.school.id, Audience(None)).addresses
    assert families.send(families.draft()) == before
    assert Delivery.select().where(Delivery.registration.is_null(False)).count() == 0


# --- what stops a send


@pytest.mark.parametrize("shown", [2, 4, 0])
def test_a_number_that_is_no_longer_true_is_shown_again_and_nothing_goes(families: Ward, shown: int) -> None:
    written = families.draft()
    with pytest.raises(AudienceChanged) as refusal:
        families.send(written, shown=shown)
    assert (refusal.value.shown, refusal.value.now) == (shown, 3)
    assert Delivery.select().count() == 0
    assert Broadcast.get_by_id(written.id).state == "draft"
    again = Broadcast.get_by_id(written.id)
    assert families.send(again, shown=3) == 3


def test_nobody_to_send_to_is_said_before_and_at_the_button(ward: Ward) -> None:
    for classes in (None, [ward.classes[0]], []):
        written = ward.draft(classes=classes)
        with pytest.raises(AudienceEmpty):
            broadcast.submit(ward.actor(), written, clock.now())
        with pytest.raises(AudienceEmpty):
            ward.send(written, shown=0)
        assert Broadcast.get_by_id(written.id).state == "draft"


def test_a_second_press_of_the_button_sends_nothing_twice(families: Ward) -> None:
    written = families.draft()
    families.send(written)
    with pytest.raises(WrongState):
        families.send(written, shown=3)
    assert Delivery.select().count() == 3


def test_two_presses_at_the_same_moment_send_once(families: Ward) -> None:
    written = families.draft()
    ends = together(*[lambda: families.send(Broadcast.get_by_id(written.id), shown=3)] * 2)
    assert sorted(type(end).__name__ for end in ends) == ["WrongState", "int"], ends
    assert Delivery.select().count() == 3


def _from_page(ward: Ward, role: Role = Role.PRINCIPAL, account_id: int = 0) -> Broadcast:
    """The draft that one opened page makes."""
    return broadcast.draft(
        ward.actor(role, account_id=account_id), ward.school, urgent=True, category="crime",
        once_key="page-1", now=clock.now(),
    )  # fmt: skip


def test_a_page_opened_once_and_sent_twice_is_one_draft(ward: Ward) -> None:
    assert _from_page(ward).id == _from_page(ward).id
    assert Broadcast.select().count() == 1


def test_a_page_sent_twice_at_the_same_moment_is_one_draft(ward: Ward) -> None:
    ends = together(*[lambda: _from_page(ward).id] * 4)
    assert ends == [ends[0]] * 4


def test_somebody_elses_page_gives_no_draft(ward: Ward) -> None:
    _from_page(ward)
    other = Account.create(
        login_id="sensei", role=Role.STAFF, display_name="教諭", password_phc="-",
        password_changed_at=clock.now(), created_at=clock.now(),
    )  # fmt: skip
    with pytest.raises(WrongState):
        _from_page(ward, Role.STAFF, other.id)


def test_a_foreign_or_vanished_class_is_refused_not_dropped(ward: Ward) -> None:
    for strange in (ward.other_classes[0].id, 10_000):
        with pytest.raises(TextInvalid, match="class_gone"):
            broadcast.revise(
                ward.actor(),
                ward.draft(classes=[ward.classes[0]]),
                audience=Audience(frozenset({ward.classes[0].id, strange})),
            )


# --- who decides


def test_staff_ask_and_the_principal_decides_where_the_school_wants_it(families: Ward) -> None:
    School.update(approval_required=True).where(School.id == families.school.id).execute()
    teacher, principal = families.actor(Role.STAFF), families.actor(Role.PRINCIPAL)
    written = Broadcast.get_by_id(families.draft().id)
    with pytest.raises(NotAllowed, match="principal_decides"):
        broadcast.send(families.config, teacher, written, shown_addresses=3, now=clock.now())
    broadcast.submit(teacher, written, clock.now())
    for deciding in (broadcast.approve, broadcast.refuse):
        with pytest.raises(NotAllowed, match="principal_decides"):
            deciding(teacher, written, clock.now())
    with pytest.raises(WrongState):
        broadcast.send(families.config, principal, written, shown_addresses=3, now=clock.now())
    broadcast.approve(principal, written, clock.now())
    assert broadcast.send(families.config, principal, written, shown_addresses=3, now=clock.now()) == 3


def test_what_was_submitted_cannot_be_changed_behind_the_principals_back(families: Ward) -> None:
    written = families.draft()
    broadcast.submit(families.actor(Role.STAFF), written, clock.now())
    with pytest.raises(WrongState):
        broadcast.revise(families.actor(Role.STAFF), written, body="別の文")
    assert Broadcast.get_by_id(written.id).body != "別の文"


def test_a_refused_mail_is_not_sent(families: Ward) -> None:
    written = families.draft()
    broadcast.submit(families.actor(Role.STAFF), written, clock.now())
    broadcast.refuse(families.actor(), written, clock.now())
    with pytest.raises(WrongState):
        families.send(written, shown=3)


def test_staff_send_alone_where_the_school_allows_it(families: Ward) -> None:
    written = families.draft()
    sent = broadcast.send(
        families.config, families.actor(Role.STAFF), written, shown_addresses=3, now=clock.now()
    )
    assert sent == 3


@pytest.mark.parametrize("role", [Role.PRINCIPAL, Role.WARD_OFFICER])
def test_another_schools_principal_and_the_ward_write_nothing_here(families: Ward, role: Role) -> None:
    written, stranger, now = families.draft(), families.actor(role, families.other), clock.now()
    for act in (
        lambda: broadcast.revise(stranger, written, body="x"),
        lambda: broadcast.submit(stranger, written, now),
        lambda: broadcast.approve(stranger, written, now),
        lambda: broadcast.refuse(stranger, written, now),
        lambda: broadcast.stop(stranger, written, now),
        lambda: broadcast.send(families.config, stranger, written, shown_addresses=3, now=now),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert Delivery.select().count() == 0


def test_another_schools_mails_are_not_listed(families: Ward) -> None:
    families.draft()
    with pytest.raises(NotYours):
        broadcast.recent(families.actor(Role.PRINCIPAL, families.other), families.school.id)
    assert len(broadcast.recent(families.actor(Role.WARD_OFFICER), families.school.id)) == 1


# --- lanes, times, stopping


@pytest.mark.parametrize(("urgent", "lane"), [(True, 0), (False, 2)])
def test_each_mail_has_its_lane_and_the_time_after_which_it_is_useless(
    morning: time_machine.Traveller, families: Ward, urgent: bool, lane: int
) -> None:
    settings = families.config.broadcast
    hours = settings.urgent_useful_h if urgent else settings.routine_useful_h
    written = families.draft(urgent=urgent)
    families.send(written)
    assert {row.lane for row in Delivery.select()} == {lane}
    assert {row.expires_at for row in Delivery.select()} == {clock.now() + timedelta(hours=hours)}
    assert Broadcast.get_by_id(written.id).useful_until == clock.now() + timedelta(hours=hours)


def test_stopping_is_said_with_its_number_and_only_once(families: Ward) -> None:
    written = families.draft()
    with pytest.raises(WrongState):
        broadcast.stop(families.actor(), written, clock.now())
    families.send(written)
    assert broadcast.stop(families.actor(), written, clock.now()) == 3
    assert states(written) == {"suppressed": 3}
    with pytest.raises(WrongState):
        broadcast.stop(families.actor(), written, clock.now())


def test_no_class_and_no_carrier_is_last(ward: Ward) -> None:
    """Half of a walking group got the alarm: rows are written in an order that nobody's class decides."""
    ward.many(400)
    ward.send(ward.draft())
    sites = [row.site for row in Delivery.select().order_by(Delivery.id)]
    first_half = sites[:200].count("docomo")
    assert 25 < first_half < 75


# --- words


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("subject", "休校\r\nBcc: everybody@x.jp", "control"),
        ("subject", "休校\nの", "control"),
        ("subject", "休校\0", "control"),
        ("subject", "休" * 81, "too_long"),
        ("subject", "   ", "empty"),
        ("body", "", "empty"),
        ("body", "本\x1b[2J日", "control"),
        ("body", "本" * 4001, "too_long"),
        ("body", "\ud800", "control"),
    ],
)
def test_words_that_cannot_be_sent_are_refused_by_field(
    ward: Ward, field: str, text: str, reason: str
) -> None:
    written = ward.draft()
    with pytest.raises(TextInvalid) as refusal:
        broadcast.revise(ward.actor(), written, **{field: text})
    assert (refusal.value.field, refusal.value.reason) == (field, reason)


def test_an_unfinished_draft_is_kept_but_not_sent(families: Ward) -> None:
    written = families.draft(subject="", body="")
    with pytest.raises(TextInvalid):
        broadcast.submit(families.actor(), written, clock.now())
    with pytest.raises(TextInvalid):
        families.send(written, shown=3)


def test_lines_and_blanks_are_put_in_order(ward: Ward) -> None:
    written = ward.draft(body="\r\n\r\n一行目  \r\n二行目\r三行目\n\n")
    assert written.body == "一行目\n二行目\n三行目"


# --- the record


def test_every_act_on_a_broadcast_is_recorded_with_who_and_where(families: Ward) -> None:
    written = families.draft()
    broadcast.revise(families.actor(Role.STAFF, zone=Zone.SENDER), written, body="金糸雀")
    broadcast.submit(families.actor(Role.STAFF, zone=Zone.SENDER), written, clock.now())
    broadcast.approve(families.actor(), written, clock.now())
    families.send(written)
    broadcast.stop(families.actor(), written, clock.now())
    rows = list(Audit.select().where(Audit.object_kind == "broadcast").order_by(Audit.id))
    assert [(row.act.removeprefix("broadcast."), row.role, row.zone) for row in rows] == [
        ("drafted", "principal", "admin"),
        ("revised", "staff", "sender"),
        ("submitted", "staff", "sender"),
        ("approved", "principal", "admin"),
        ("sent", "principal", "admin"),
        ("stopped", "principal", "admin"),
    ]
    assert {(row.object_id, row.school_id) for row in rows} == {(written.id, families.school.id)}
    assert not any("金糸雀" in row.detail for row in rows)


def test_what_is_refused_leaves_no_record_of_having_happened(families: Ward) -> None:
    written = families.draft()
    before = Audit.select().count()
    with pytest.raises(AudienceChanged):
        families.send(written, shown=99)
    assert Audit.select().count() == before
