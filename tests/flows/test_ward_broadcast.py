"""区の一斉配信: one mail of the ward to all or some schools; every guardian once."""

import email
import email.policy
import os
from collections.abc import Callable

import pytest

from appliance import access, address, broadcast, clock, delivery, reach, recipients, ward_progress
from appliance.actor import Actor, Role
from appliance.audience import Audience
from appliance.broadcast import FindingKind, wording
from appliance.config import Zone
from appliance.delivery import Kind, Outcome, Reason
from appliance.errors import AudienceChanged, AudienceEmpty, NotAllowed, NotYours, TextInvalid, WrongState
from appliance.keys import Purpose, Slot
from appliance.models import (
    Account,
    Address,
    Audit,
    Broadcast,
    BroadcastSchool,
    Delivery,
    Registration,
    School,
)
from appliance.ward_audience import WardAudience, WardEcho
from smtp.render import Renderer
from tests.flows.ward import Ward, result, take

ALL = WardAudience(None)
TAKEN = Outcome(Kind.ACCEPTED, 250)
REFUSED = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_USER)


@pytest.fixture
def families(ward: Ward) -> Ward:
    """山田 太郎 has a child at みどり小学校 and one at わかば幼稚園; 佐藤 has one here, 林 there."""
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎", ward.classes[0])
    ward.register("taro@docomo.ne.jp", "山田 光", "山田 太郎", ward.other_classes[0])
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    ward.register("hayashi@gmail.com", "林 翼", "林 優", ward.other_classes[0])
    Delivery.delete().execute()
    return ward


@pytest.fixture
def officer(ward: Ward) -> Actor:
    made = Account.create(
        login_id="kutan", role=Role.WARD_OFFICER, display_name="区担当", password_phc="-",
        password_changed_at=clock.now(), created_at=clock.now(),
    )  # fmt: skip
    return Actor(made.id, Role.WARD_OFFICER, frozenset(), Zone.ADMIN)


Draft = Callable[..., Broadcast]


@pytest.fixture
def draft(officer: Actor) -> Draft:
    def written(audience: WardAudience = ALL, *, urgent: bool = True) -> Broadcast:
        return broadcast.draft(
            officer, None, urgent=urgent, category="disaster", once_key=os.urandom(8).hex(), now=clock.now(),
            subject="台風による休校", body="区内のすべての学校を、本日は休校とします。", audience=audience,
        )  # fmt: skip

    return written


def send(ward: Ward, officer: Actor, written: Broadcast, shown: int) -> int:
    return broadcast.send(ward.config, officer, written, shown_addresses=shown, now=clock.now())


def echo(written: Broadcast) -> WardEcho:
    found = recipients.echo(written)
    assert isinstance(found, WardEcho)
    return found


# --- whom it goes to


def test_a_guardian_of_two_schools_gets_the_wards_mail_once(
    families: Ward, officer: Actor, draft: Draft
) -> None:
    written = draft()
    shown = echo(written)
    assert [(share.school_id, share.children, share.addresses) for share in shown.schools] == [
        (families.school.id, 2, 2), (families.other.id, 2, 2),
    ]  # fmt: skip
    assert (shown.every_school, shown.children, shown.addresses, shown.shared) == (True, 4, 3, 1)
    assert shown.by_carrier == {"docomo": 1, "au": 1, "google": 1}
    assert send(families, officer, written, 3) == 3
    rows = list(Delivery.select(Delivery, Address.address_index, Address.school_id).join(Address))
    assert len({bytes(row.address.address_index) for row in rows}) == len(rows) == 3
    for row in rows:  # a mail is opened with the key of the school whose address it carries
        assert row.school_id == row.address.school_id


def test_only_the_chosen_schools_get_it(families: Ward, officer: Actor, draft: Draft) -> None:
    written = draft(WardAudience(frozenset({families.other.id})))
    shown = echo(written)
    assert (shown.every_school, shown.addresses, shown.shared) == (False, 2, 0)
    assert send(families, officer, written, 2) == 2
    assert {row.school_id for row in Delivery.select()} == {families.other.id}
    assert [row.school_id for row in BroadcastSchool.select()] == [families.other.id]


def test_a_closed_school_is_not_written_to_and_not_chosen(families: Ward, draft: Draft) -> None:
    School.update(state="closed").where(School.id == families.other.id).execute()
    assert [share.school_id for share in echo(draft()).schools] == [families.school.id]
    for strange in (families.other.id, 10_000):
        with pytest.raises(TextInvalid, match="school_gone"):
            draft(WardAudience(frozenset({families.school.id, strange})))


def test_a_school_has_no_audience_of_the_wards_kind_nor_the_ward_of_a_schools(
    families: Ward, officer: Actor, draft: Draft
) -> None:
    with pytest.raises(TextInvalid, match="audience"):
        broadcast.revise(officer, draft(), audience=Audience(None))
    with pytest.raises(TextInvalid, match="audience"):
        broadcast.revise(families.actor(), families.draft(), audience=ALL)


def test_routine_mail_of_the_ward_leaves_out_who_stopped_it_at_any_school(
    families: Ward, officer: Actor, draft: Draft
) -> None:
    one = Registration.get(Registration.school == families.other.id).address_id
    index = Address.get_by_id(one).address_index
    assert Address.select().where(Address.address_index == index).count() == 2
    Address.update(routine_off_at=clock.now()).where(Address.id == one).execute()
    routine, urgent = draft(urgent=False), draft(urgent=True)
    assert (echo(routine).addresses, echo(routine).routine_off) == (2, 1)
    assert (echo(urgent).addresses, echo(urgent).routine_off) == (3, 0)
    assert send(families, officer, routine, 2) == 2
    assert send(families, officer, urgent, 3) == 3


# --- what stops a send


def test_a_number_that_is_no_longer_true_sends_nothing(families: Ward, officer: Actor, draft: Draft) -> None:
    written = draft()
    with pytest.raises(AudienceChanged):
        send(families, officer, written, 4)
    assert (Delivery.select().count(), BroadcastSchool.select().count()) == (0, 0)
    assert Broadcast.get_by_id(written.id).state == "draft"


def test_nobody_chosen_is_nobody_written_to(families: Ward, officer: Actor, draft: Draft) -> None:
    written = draft(WardAudience(frozenset()))
    assert not recipients.is_chosen(written)
    assert echo(written).addresses == 0
    with pytest.raises(AudienceEmpty):
        send(families, officer, written, 0)


def test_a_second_press_sends_nothing_twice(families: Ward, officer: Actor, draft: Draft) -> None:
    written = draft()
    send(families, officer, written, 3)
    with pytest.raises(WrongState):
        send(families, officer, written, 3)
    assert Delivery.select().count() == 3


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.WARD_OFFICER])
def test_nobody_else_writes_or_sends_for_the_ward(
    role: Role, families: Ward, officer: Actor, draft: Draft
) -> None:
    other, written = families.actor(role, families.school, families.other), draft()
    with pytest.raises(NotAllowed):
        broadcast.draft(
            other, None, urgent=True, category="crime", once_key="page", now=clock.now(), audience=ALL
        )
    with pytest.raises(NotAllowed):
        broadcast.revise(other, written, body="別の文")
    with pytest.raises(NotAllowed):
        send(families, other, written, 3)
    send(families, officer, written, 3)
    with pytest.raises(NotAllowed):
        broadcast.stop(other, written, clock.now())


# --- afterwards


def settle(families: Ward, outcomes: dict[str, Outcome]) -> None:
    """What each receiving site said."""
    for site, outcome in outcomes.items():
        for claimed in take("w1", site):
            delivery.settle([result(claimed, outcome)])


def test_the_officer_sees_counts_by_school_state_and_carrier(
    families: Ward, officer: Actor, draft: Draft, morning: object
) -> None:
    written = draft()
    send(families, officer, written, 3)
    morning.shift(60)  # type: ignore[attr-defined]
    settle(families, {"docomo": TAKEN, "au": REFUSED})
    whole = delivery.progress(written.id)
    assert (whole.total, whole.by_state["accepted"], whole.by_state["failed"], whole.still_open) == (
        3,
        1,
        1,
        1,
    )
    here, there = families.school.id, families.other.id
    parts = ward_progress.by_school(written)
    assert {number: {s: n for s, n in each.by_state.items() if n} for number, each in parts.items()} == {
        here: {"accepted": 1, "failed": 1},
        there: {"accepted": 1, "queued": 1},
    }
    both = ward_progress.of_schools(written, {here, there})
    assert (both.total, both.by_state["accepted"]) == (3, 1)
    assert set(ward_progress.of_schools(written, {there}).by_carrier) == {"docomo", "google"}


def test_reach_is_of_each_child_also_at_the_school_the_mail_did_not_go_through(
    families: Ward, officer: Actor, draft: Draft, morning: object
) -> None:
    written = draft()
    send(families, officer, written, 3)
    morning.shift(60)  # type: ignore[attr-defined]
    settle(families, {"docomo": TAKEN, "au": REFUSED, "google": TAKEN})
    assert reach.count(written) == reach.Reach(confirmed=0, accepted=3, waiting=0, none=1)
    assert reach.count(written, {families.other.id}) == reach.Reach(0, 2, 0, 0)
    (line,) = reach.call_sheet(families.actor(), families.keyring(Zone.ADMIN), written, families.school.id)
    assert line.child_name == "佐藤 健"
    with pytest.raises(NotYours):
        reach.call_sheet(families.actor(), families.keyring(Zone.ADMIN), written, families.other.id)
    with pytest.raises(NotAllowed):
        reach.call_sheet(officer, families.keyring(Zone.ADMIN), written, families.school.id)


def test_a_principal_finds_it_among_the_sent_mails_and_reads_it_only(
    families: Ward, officer: Actor, draft: Draft
) -> None:
    here = families.actor(Role.PRINCIPAL, families.school)
    there = families.actor(Role.PRINCIPAL, families.other)
    written = draft(WardAudience(frozenset({families.other.id})))
    with pytest.raises(NotYours):  # not before it has gone
        access.broadcast(there, written.id)
    assert broadcast.recent(there, families.other.id) == []
    send(families, officer, written, 2)
    assert access.broadcast(there, written.id).school_id is None
    assert broadcast.recent(there, families.other.id) == [written]
    with pytest.raises(NotYours):
        access.broadcast(here, written.id)
    assert broadcast.recent(here, families.school.id) == []
    assert broadcast.recent_of_ward(officer) == [written]
    with pytest.raises(NotAllowed):
        broadcast.recent_of_ward(there)


def test_the_act_is_recorded_with_its_numbers(families: Ward, officer: Actor, draft: Draft) -> None:
    written = draft()
    send(families, officer, written, 3)
    row = Audit.select().where(Audit.act == "broadcast.sent").get()
    assert (row.account_id, row.object_id, row.school_id) == (officer.account_id, written.id, None)
    assert row.detail == '{"addresses": 3, "schools": 2}'


def test_names_of_every_school_are_noticed(families: Ward) -> None:
    found = broadcast.findings(families.keyring(Zone.SENDER), None, "佐藤 健さんと林 翼さんへ")
    assert [(each.kind, each.excerpt) for each in found] == [
        (FindingKind.NAME, "佐藤 健"), (FindingKind.NAME, "林 翼"),
    ]  # fmt: skip


# --- the mail


def test_the_mail_is_the_wards(families: Ward, officer: Actor, draft: Draft, morning: object) -> None:
    written = draft(urgent=False)
    send(families, officer, written, 3)
    morning.shift(3600)  # type: ignore[attr-defined]
    ward = families.config.ward
    assert f"\n{ward.name}\n" in wording.text(ward, None, written)
    keyring = families.keyring(Zone.MAIL)
    renderer = Renderer(families.config, keyring)
    (claimed,) = take("w1", "docomo")
    renderer.prepare([claimed])
    slot = Slot(Purpose.ADDRESSES, "address", "sealed", claimed.school_id, claimed.address_id)
    message = renderer.message(claimed, address.parse(keyring.open(slot, claimed.sealed)))
    mail = email.message_from_bytes(message.content, policy=email.policy.default)
    assert mail["Subject"] == f"【{ward.name}】台風による休校"
    assert mail["From"].addresses[0].display_name == ward.name
    assert mail["To"] == "taro@docomo.ne.jp"
    assert mail["List-Id"] == f"<ward.{families.config.mail.from_domain}>"
    assert mail.get_content().replace("\r\n", "\n") == wording.text(ward, None, written)
