"""仮登録 → 本登録: the guardian's way, with everything that goes wrong at a kitchen table."""

import os
from collections import Counter

import pytest
import time_machine

from appliance import access, clock, registration, security_code, token
from appliance.address import parse
from appliance.config import Zone
from appliance.delivery.letters import LetterKind
from appliance.directory import registrants, schools
from appliance.errors import (
    ClassGone,
    KeyRefused,
    NameInvalid,
    SchoolClosed,
    TokenExpired,
    TokenUnknown,
    TokenUsed,
)
from appliance.keys import Purpose, Slot
from appliance.models import Address, Child, Delivery, Inbound, Registration, School
from appliance.registration import Confirmed, Request, request_many
from tests.flows.ward import Ward, together

DAY = 24 * 3600


def letters() -> list[str]:
    return [row.kind for row in Delivery.select(Delivery.kind).order_by(Delivery.id)]


# --- the way as it should be


def test_from_the_empty_mail_to_the_welcome(morning: time_machine.Traveller, ward: Ward) -> None:
    asked = ward.empty_mail("a..b@docomo.ne.jp")
    assert asked.kind is LetterKind.REPLY
    link = ward.link(asked.registration_id)
    invitation = registration.look(link, clock.now())
    assert (invitation.school_name, len(invitation.classes)) == ("みどり小学校", 3)
    done = ward.confirm(link, "山田　花子", "山田 太郎", ward.classes[1])
    assert (done.school_id, done.already) == (ward.school.id, False)
    (row,) = registrants.page(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, None, 1).rows
    assert (row.child_name, row.guardian_name, row.address) == ("山田 花子", "山田 太郎", "a..b@docomo.ne.jp")
    assert row.school_class_id == ward.classes[1].id
    assert letters() == [LetterKind.REPLY, LetterKind.WELCOME]


def test_opening_the_link_changes_nothing_however_often_scanners_do(ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    for _ in range(3):
        registration.look(link, clock.now())
    assert Registration.get().state == "requested"
    assert ward.confirm(link, "山田 花子", "山田 太郎").already is False


def test_neither_names_nor_addresses_lie_open_in_any_row(ward: Ward) -> None:
    ward.register("hanako.canary@docomo.ne.jp", "金糸雀 花子", "金糸雀 太郎")
    for model in (Address, Child, Registration, Delivery, Inbound):
        for row in model.select(model).dicts():
            for value in row.values():
                raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                assert b"hanako.canary" not in raw
                assert "金糸雀".encode() not in raw


def test_a_value_moved_to_another_row_does_not_open(ward: Ward) -> None:
    one = ward.register("hanako@docomo.ne.jp", "山田 花子", "山田 太郎")
    other = ward.register("sato@docomo.ne.jp", "佐藤 健", "佐藤 恵")
    sealed = Registration.select(Registration.guardian_name_sealed).where(Registration.id == one.id).scalar()
    Registration.update(guardian_name_sealed=bytes(sealed)).where(Registration.id == other.id).execute()
    shown = registrants.page(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, None, 1)
    names = {row.registration_id: row.guardian_name for row in shown.rows}
    assert names == {one.id: "山田 太郎", other.id: registrants.UNREADABLE}


# --- families


def test_the_second_parent_joins_the_child_and_the_first_is_told(ward: Ward) -> None:
    father = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    mother = ward.register("yuki@gmail.com", "山田花子", "山田 雪")
    assert Child.select().count() == 1
    assert father.child_id == mother.child_id
    told = Delivery.get(Delivery.kind == LetterKind.NEWCOMER)
    assert (told.address_id, told.registration_id) == (father.address_id, father.id)
    assert Counter(letters()) == Counter(reply=2, welcome=2, newcomer=1)


def test_a_namesake_in_another_class_is_another_child(ward: Ward) -> None:
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎", ward.classes[0])
    ward.register("jiro@docomo.ne.jp", "山田 花子", "山田 次郎", ward.classes[1])
    assert Child.select().count() == 2
    assert LetterKind.NEWCOMER not in letters()


def test_siblings_share_one_address_and_each_has_a_registration(ward: Ward) -> None:
    for child, school_class in (("山田 花子", 0), ("山田 一郎", 2)):
        ward.register("taro@docomo.ne.jp", child, "山田 太郎", ward.classes[school_class])
    assert (Address.select().count(), Child.select().count()) == (1, 2)
    assert Registration.select().where(Registration.state == "confirmed").count() == 2


def test_a_sibling_at_the_kindergarten_is_known_there_under_its_own_key(ward: Ward) -> None:
    here = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    there = ward.register("taro@docomo.ne.jp", "山田 光", "山田 太郎", ward.other_classes[0])
    assert here.address_id != there.address_id
    mail = ward.keyring(Zone.MAIL)
    sealed = bytes(Address.select(Address).where(Address.id == here.address_id).get().sealed)
    with pytest.raises(KeyRefused):
        mail.open(Slot(Purpose.ADDRESSES, "address", "sealed", ward.other.id, there.address_id), sealed)


def test_registering_the_same_child_again_is_said_kindly_and_changes_nothing(ward: Ward) -> None:
    ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    link = ward.link(ward.empty_mail("Taro@DOCOMO.ne.jp").registration_id)
    assert ward.confirm(link, "山田　花子", "山田 太郎").already is True
    assert Registration.select().where(Registration.state == "confirmed").count() == 1
    assert letters().count(LetterKind.WELCOME) == 1
    with pytest.raises(TokenUsed):
        ward.confirm(link, "山田 花子", "山田 太郎")


# --- links that do not work


def test_a_link_works_for_a_day(morning: time_machine.Traveller, ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    morning.shift(DAY - 1)
    registration.look(link, clock.now())
    morning.shift(1)
    with pytest.raises(TokenExpired):
        registration.look(link, clock.now())
    with pytest.raises(TokenExpired):
        ward.confirm(link, "山田 花子", "山田 太郎")
    registration.expire(clock.now())
    with pytest.raises(TokenExpired):
        registration.look(link, clock.now())


def test_a_link_works_once(ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    ward.confirm(link, "山田 花子", "山田 太郎")
    for again in (
        lambda: registration.look(link, clock.now()),
        lambda: ward.confirm(link, "佐藤 健", "佐藤 恵"),
    ):
        with pytest.raises(TokenUsed):
            again()
    assert Registration.select().count() == 1


def test_a_link_nobody_was_sent_is_unknown(ward: Ward) -> None:
    for text in (token.write(os.urandom(16)), "", "x", "https://evil.example/", "a" * 26, "あ" * 26):
        with pytest.raises(TokenUnknown):
            registration.look(text, clock.now())


def test_a_mistyped_link_is_unknown_and_the_right_one_still_works(ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    slip = ("b" if link[0] != "b" else "c") + link[1:]
    with pytest.raises(TokenUnknown):
        registration.look(slip, clock.now())
    assert registration.look(link.upper(), clock.now())


def test_a_link_of_one_school_opens_no_class_of_another(ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    with pytest.raises(ClassGone):
        ward.confirm(link, "山田 花子", "山田 太郎", ward.other_classes[0])
    assert Child.select().count() == 0


def test_a_class_that_vanished_meanwhile_is_said_and_the_link_still_works(ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    schools.retire_class(ward.actor(), access.school_class(ward.actor(), ward.classes[0].id))
    with pytest.raises(ClassGone):
        ward.confirm(link, "山田 花子", "山田 太郎", ward.classes[0])
    assert [row.id for row in registration.look(link, clock.now()).classes] == [
        ward.classes[1].id,
        ward.classes[2].id,
    ]
    ward.confirm(link, "山田 花子", "山田 太郎", ward.classes[1])


@pytest.mark.parametrize(
    ("child", "guardian", "field", "reason"),
    [
        ("花" * 200, "山田 太郎", "child_name", "too_long"),
        ("山田 花子", "太" * 200, "guardian_name", "too_long"),
        ("山田\r\nBcc: x", "山田 太郎", "child_name", "not_a_name"),
        ("山田\0花子", "山田 太郎", "child_name", "control"),
        ("山田 花子", "\u202e", "guardian_name", "control"),
        ("", "山田 太郎", "child_name", "empty"),
    ],
)
def test_a_name_that_cannot_be_taken_costs_nothing(
    ward: Ward, child: str, guardian: str, field: str, reason: str
) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    with pytest.raises(NameInvalid) as refusal:
        ward.confirm(link, child, guardian)
    assert (refusal.value.field, refusal.value.reason) == (field, reason)
    assert Child.select().count() == 0
    assert ward.confirm(link, "山田 花子", "山田 太郎").already is False


def test_a_school_that_closed_meanwhile_takes_no_registration(ward: Ward) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    School.update(state="closed").where(School.id == ward.school.id).execute()
    with pytest.raises(SchoolClosed):
        ward.confirm(link, "山田 花子", "山田 太郎")


# --- at the same moment


@pytest.mark.parametrize("attempt", range(3))
def test_a_double_click_registers_once(ward: Ward, attempt: int) -> None:
    link = ward.link(ward.empty_mail("hanako@docomo.ne.jp").registration_id)
    ends = together(*[lambda: ward.confirm(link, "山田 花子", "山田 太郎")] * 2)
    assert sorted(type(end).__name__ for end in ends) == ["Confirmed", "TokenUsed"], ends
    assert Registration.select().where(Registration.state == "confirmed").count() == 1
    assert Child.select().count() == 1
    assert letters().count(LetterKind.WELCOME) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_both_parents_at_the_same_moment_have_one_child(ward: Ward, attempt: int) -> None:
    links = [
        ward.link(ward.empty_mail(f"parent{number}@docomo.ne.jp").registration_id) for number in range(4)
    ]
    ends = together(*[lambda link=link: ward.confirm(link, "山田 花子", "山田 太郎") for link in links])
    assert [type(end) for end in ends] == [Confirmed] * 4, ends
    assert Child.select().count() == 1


def test_a_mother_who_registers_while_the_clerk_removes_the_father_is_registered(ward: Ward) -> None:
    father = ward.register("taro@docomo.ne.jp", "山田 花子", "山田 太郎")
    link = ward.link(ward.empty_mail("yuki@gmail.com").registration_id)
    found = access.registration(ward.actor(), father.id)
    ends = together(
        lambda: ward.confirm(link, "山田 花子", "山田 雪"),
        lambda: registrants.remove(ward.actor(), found, clock.now()),
    )
    assert isinstance(ends[0], Confirmed), ends
    assert ends[1] is None, ends
    (left,) = registrants.page(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, None, 1).rows
    assert (left.child_name, left.guardian_name) == ("山田 花子", "山田 雪")


def test_two_workers_with_the_same_mail_make_one_request(ward: Ward) -> None:
    digest = os.urandom(32)
    ends = together(*[lambda: ward.empty_mail("hanako@docomo.ne.jp", digest=digest)] * 2)
    assert sorted(str(end.kind) for end in ends) == ["None", "reply"]
    assert Registration.select().count() == 1


def test_two_workers_with_the_same_parents_in_opposite_order_take_both(ward: Ward) -> None:
    code = security_code.current(ward.school.id).code
    senders = [parse(f"p{number}@docomo.ne.jp") for number in range(40)]

    def group(order: list[object]) -> list[object]:
        requests = [Request(code, sender, os.urandom(32)) for sender in order]
        return request_many(ward.keyring(Zone.MAIL), requests, now=clock.now())

    ends = together(lambda: group(senders), lambda: group(senders[::-1]))
    assert [type(end) for end in ends] == [list, list], ends
    assert Address.select().count() == 40
    assert Registration.select().count() == 80
