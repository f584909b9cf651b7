"""A guardian leaves, moves to another address or chooses a language by answering; on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from appliance import clock
from appliance.config import Zone
from appliance.delivery.letters import LetterKind
from appliance.directory import registrants
from appliance.models import Address, Child, Delivery, Registration
from appliance.registration import expire
from tests.flows.answering import (
    FORM,
    HANAKO,
    NOT_YOURS,
    TAKEN,
    TARO,
    House,
    Scene,
    asked,
    got,
    letters,
    newest,
    settled,
)  # fmt: skip
from tests.flows.ward import Ward

# --- withdrawal


def test_leaving_takes_a_word_and_a_yes(answering: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        assert await house.answer(mail, "登録解除") == TAKEN
        assert letters(mail.id) == [LetterKind.WITHDRAW]
        assert Registration.get().state == "confirmed"
        assert await house.answer(mail, "はい") == TAKEN  # to another mail: no yes to the question
        assert Registration.get().state == "confirmed"
        assert await house.answer(newest(LetterKind.WITHDRAW), "はい") == TAKEN
        gone = Registration.select(Registration).get()
        assert (gone.state, gone.child_id, gone.guardian_name_sealed) == ("withdrawn", None, None)
        assert Child.select().count() == 0
        assert letters(mail.id) == [LetterKind.WITHDRAW, LetterKind.WITHDRAWN]

    answering(scene)
    expire(clock.now())
    assert bytes(Address.select(Address).get().sealed) != b""  # the last letter still has to go
    settled()
    expire(clock.now())
    assert bytes(Address.select(Address).get().sealed) == b""


@pytest.mark.parametrize("text", ["いいえ", "", "確認しました", "やっぱり続けます"])
def test_anything_but_a_yes_leaves_nobody(answering: Callable[[Scene], None], ward: Ward, text: str) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        await house.answer(mail, "解除")
        await house.answer(newest(LetterKind.WITHDRAW), text)
        assert Registration.get().state == "confirmed"

    answering(scene)


def test_a_yes_comes_too_late_after_a_day(answering: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        await house.answer(mail, "解除")
        Delivery.update(created_at=clock.now() - timedelta(hours=25)).where(
            Delivery.kind == LetterKind.WITHDRAW
        ).execute()
        assert await house.answer(newest(LetterKind.WITHDRAW), "はい") == TAKEN
        assert Registration.get().state == "confirmed"

    answering(scene)


# --- change of address


def test_an_address_changes_when_both_mailboxes_agree(answering: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)
    ward.register(HANAKO, "山田 一花", "山田 太郎")

    async def scene(house: House) -> None:
        assert await house.answer(mail, f"変更 {TARO}") == TAKEN
        question = newest(LetterKind.CHANGE)
        assert question.address_id != mail.address_id
        assert await house.answer(question, "はい", sender=HANAKO) == NOT_YOURS
        assert {row.address_id for row in Registration.select()} == {mail.address_id}
        assert await house.answer(question, "はい", sender=TARO) == TAKEN
        assert {row.address_id for row in Registration.select()} == {question.address_id}
        assert newest(LetterKind.MOVED_AWAY).address_id == mail.address_id
        assert newest(LetterKind.CHANGED).address_id == question.address_id

    answering(scene)
    settled()
    expire(clock.now())
    assert bytes(Address.select(Address).where(Address.id == mail.address_id).get().sealed) == b""
    rows = registrants.find(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, "山田花子")
    assert [(row.address, row.guardian_name) for row in rows] == [(TARO, "山田 太郎")]


def test_a_child_that_both_addresses_had_keeps_one_registration(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    mail = got(ward)
    ward.register(TARO, "山田 花子", "山田 雪")

    async def scene(house: House) -> None:
        await house.answer(mail, f"変更 {TARO}")
        await house.answer(newest(LetterKind.CHANGE), "はい", sender=TARO)
        states = sorted(row.state for row in Registration.select())
        assert states == ["confirmed", "withdrawn"]

    answering(scene)


def test_a_mistyped_address_gets_nothing_once_another_was_named(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    mail = got(ward)
    ward.register(HANAKO, "山田 一花", "山田 太郎")

    async def scene(house: House) -> None:
        await house.answer(mail, "変更 stranger@example.jp")
        mistyped = newest(LetterKind.CHANGE)
        await house.answer(mail, f"変更 {TARO}")
        question = newest(LetterKind.CHANGE)
        assert await house.answer(mistyped, "はい", sender="stranger@example.jp") == TAKEN
        assert {row.address_id for row in Registration.select()} == {mail.address_id}
        await house.answer(question, "はい", sender=TARO)
        assert await house.answer(mistyped, "はい!", sender="stranger@example.jp") == TAKEN
        assert {row.address_id for row in Registration.select()} == {question.address_id}

    answering(scene)


def test_the_word_alone_brings_the_way_to_do_it(answering: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        await house.answer(mail, "アドレス変更")
        await house.answer(mail, f"変更 {HANAKO}")
        assert letters(mail.id) == [LetterKind.CHANGE_HOW] * 2

    answering(scene)


def test_nobody_can_be_flooded_through_us(answering: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        said = [await house.answer(mail, f"変更 victim{number}@example.jp") for number in range(4)]
        assert said[:3] == [TAKEN] * 3
        assert said[3].startswith("451 4.7.1")
        said = [await house.answer(mail, "ヘルプ") for _ in range(11)]
        assert [line[:3] for line in said] == ["250"] * 9 + ["451"] * 2  # the reply was the first of ten

    answering(scene)


# --- language


def test_a_word_chooses_the_language_of_letters(answering: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, "नेपाली") == TAKEN
        assert letters(reply.id) == [LetterKind.REPLY]
        assert Address.get().language == "ne"
        assert await house.answer(newest(LetterKind.REPLY), FORM) == TAKEN
        assert await house.answer(newest(LetterKind.WELCOME), "", subject="English") == TAKEN
        assert Address.get().language == "en"
        assert letters(reply.id) == [LetterKind.REPLY, LetterKind.WELCOME, LetterKind.LANGUAGE]

    answering(scene)
