"""A guardian answers our mail: the real listener with TLS, the real domain, SQLite and PostgreSQL.

Registration completed by answer, confirmation, inquiry; strangers and machines. Every scene begins with what
a guardian has in the mailbox and ends in the database.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance import clock, db, security_code
from appliance.address import parse
from appliance.answer import Done, Question, inquire
from appliance.config import Zone
from appliance.delivery.letters import LetterKind
from appliance.directory import registrants
from appliance.errors import BudgetSpent
from appliance.keys import Purpose, Slot
from appliance.models import (
    Address,
    Alarm,
    Broadcast,
    Child,
    Confirmation,
    Delivery,
    Inbound,
    Inquiry,
    Registration,
)
from appliance.registration import Budgets, Request, expire, request_many
from cli.main import main as karamail
from smtp import answer_address
from tests.flows.answering import (
    FORM,
    HANAKO,
    NOT_YOURS,
    STRANGER,
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

# --- registration completed by answer


def test_a_filled_form_completes_the_registration(answering: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM + "\n\niPhoneから送信") == TAKEN
        assert letters(reply.id) == [LetterKind.WELCOME]
        made = Registration.select(Registration).get()
        assert made.state == "confirmed"
        assert Child.get().school_class_id == ward.classes[0].id
        slot = Slot(Purpose.NAMES, "registration", "guardian_name_sealed", ward.school.id, made.id)
        assert ward.keyring(Zone.ADMIN).open(slot, bytes(made.guardian_name_sealed)) == "山田 太郎"
        assert await house.answer(reply, FORM) == TAKEN
        assert letters(reply.id) == [LetterKind.WELCOME]

    answering(scene)


def test_in_the_clear_nothing_is_used_and_the_link_is_sent_again(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM, tls=False) == TAKEN
        assert letters(reply.id) == [LetterKind.NOT_ENCRYPTED]
        assert Registration.get().state == "requested"
        assert await house.answer(newest(LetterKind.NOT_ENCRYPTED), FORM) == TAKEN
        assert Registration.get().state == "confirmed"

    answering(scene)


def test_what_was_not_understood_is_asked_for_three_times_at_most(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        for _ in range(5):
            assert await house.answer(reply, FORM.replace("1年1組", "たんぽぽ組")) == TAKEN
        again = newest(LetterKind.ASK_AGAIN)
        assert letters(reply.id) == [LetterKind.ASK_AGAIN] * 3
        assert again.about == "school_class"
        assert await house.answer(again, FORM) == TAKEN
        assert Registration.get().state == "confirmed"

    answering(scene)


def test_a_day_later_the_answer_brings_a_letter_that_says_so(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    reply = asked(ward)
    Registration.update(expires_at=clock.now() - timedelta(minutes=1)).execute()

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM) == TAKEN
        assert letters(reply.id) == [LetterKind.LINK_EXPIRED]
        assert Child.select().count() == 0

    answering(scene)


def test_who_did_not_ask_can_say_so_and_is_forgotten(answering: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, "解除") == TAKEN
        assert Registration.get().state == "withdrawn"
        assert letters(reply.id) == [LetterKind.WITHDRAWN]

    answering(scene)
    settled()
    expire(clock.now())
    assert bytes(Address.select(Address).get().sealed) == b""


def test_names_by_mail_join_the_child_when_the_school_looks(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    """The mail zone cannot recognise a name; the admin zone does, and tells who was there before."""
    mother = ward.register(TARO, "山田 花子", "山田 雪")
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM) == TAKEN
        assert Child.select().where(Child.unrecognised).count() == 1

    answering(scene)
    assert LetterKind.NEWCOMER not in letters()
    rows = registrants.find(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, "山田花子")
    assert {row.guardian_name for row in rows} == {"山田 太郎", "山田 雪"}
    assert Child.select().count() == 1
    assert newest(LetterKind.NEWCOMER).address_id == mother.address_id
    registrants.find(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, "山田花子")
    assert letters().count(LetterKind.NEWCOMER) == 1


def test_a_timer_recognises_names_before_anybody_looks(
    answering: Callable[[Scene], None], ward: Ward, tmp_path: Path
) -> None:
    mother = ward.register(TARO, "山田 花子", "山田 雪")
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM) == TAKEN

    answering(scene)
    command = ["--config", str(tmp_path / "karamail.toml"), "registrants", "recognise"]
    for said in ("recognised 1\n", "recognised 0\n"):
        assert CliRunner().invoke(karamail, command, catch_exceptions=False).output == said
    assert Child.select().count() == 1
    assert newest(LetterKind.NEWCOMER).address_id == mother.address_id


# --- strangers and machines


def test_only_the_address_that_got_it_may_answer(answering: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        before = Inbound.select().count()
        assert await house.answer(reply, FORM, sender=STRANGER) == NOT_YOURS
        forged = f"{answer_address.mint(b'x' * 32, reply.id)}@{ward.config.mail.registration_domain}"
        assert (await house.send(forged, FORM, HANAKO)).startswith("550 5.1.1")
        assert letters(reply.id) == []
        assert (Inbound.select().count(), Confirmation.select().count()) == (before, 0)
        assert await house.answer(reply, FORM, sender=HANAKO.upper()) == TAKEN

    answering(scene)


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-replied\r\n", "Precedence: bulk\r\n"])
def test_a_machine_never_answers(answering: Callable[[Scene], None], ward: Ward, header: str) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        assert (await house.answer(mail, "不在です", header=header)).startswith("550 5.7.1 Automatic")
        assert (await house.answer(mail, "不在です", sender="")).startswith("550 5.7.1 Automatic")
        assert (Confirmation.select().count(), Inquiry.select().count()) == (0, 0)

    answering(scene)


# --- confirmation and inquiry


@pytest.mark.parametrize("text", ["", "確認しました。ありがとうございます。", "OK", "はい"])
def test_an_answer_to_a_broadcast_is_a_confirmation(
    answering: Callable[[Scene], None], ward: Ward, text: str
) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        for _ in range(2):
            assert await house.answer(mail, text) == TAKEN
        (row,) = Confirmation.select()
        assert (row.delivery_id, row.how) == (mail.id, "reply")
        assert letters(mail.id) == []

    answering(scene)


def test_other_words_are_kept_sealed_for_the_desk(answering: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)
    text = "明日は花子が休みます。" * 1000

    async def scene(house: House) -> None:
        assert await house.answer(mail, text) == TAKEN
        assert await house.answer(mail, "もう一つ伺います") == TAKEN
        assert letters(mail.id) == [LetterKind.INQUIRY_KEPT]  # once an hour

    answering(scene)
    first = Inquiry.select(Inquiry).order_by(Inquiry.received_at).first()
    slot = Slot(Purpose.NAMES, "inquiry", "sealed", ward.school.id, first.id)
    assert ward.keyring(Zone.ADMIN).open(slot, bytes(first.sealed)) == text[:4000]
    assert (first.delivery_id, first.state) == (mail.id, "open")
    assert Confirmation.select().count() == 1
    Inquiry.update(received_at=clock.now() - timedelta(days=181)).execute()
    expire(clock.now())
    assert Inquiry.select().count() == 0


def test_an_inquiry_from_somebody_unknown_belongs_to_the_ward(
    answering: Callable[[Scene], None], ward: Ward
) -> None:
    async def scene(house: House) -> None:
        to = f"toiawase@{ward.config.mail.registration_domain}"
        assert await house.send(to, "登録できません", STRANGER, subject="question") == TAKEN
        assert [row.school_id for row in Inquiry.select()] == [0]
        for _ in range(4):
            assert await house.send(to, "登録できません", STRANGER) == TAKEN
        assert (await house.send(to, "登録できません", STRANGER)).startswith("451 4.7.1")

    answering(scene)
    assert letters() == [LetterKind.INQUIRY_KEPT]


def test_inquiries_spend_the_budgets_of_empty_mails(ward: Ward) -> None:
    """A flood of strangers' words from one network: the rest waits, operators learn of it, nothing grows."""
    keyring, limits = ward.keyring(Zone.MAIL), Budgets(network=3)

    def write(number: int, network: str = "a") -> bool:
        question = Question(parse(f"p{number}@d{number}.example"), os.urandom(32), "質問です", network)
        try:
            return inquire(keyring, question, now=clock.now(), budgets=limits) is Done.INQUIRY
        except BudgetSpent:
            return False

    assert [write(number) for number in range(5)] == [True, True, True, False, False]
    assert (Inquiry.select().count(), Address.select().count(), Inbound.select().count()) == (3, 3, 3)
    assert [(row.kind, row.refused) for row in Alarm.select()] == [("network", 2)]
    request = Request(security_code.current(ward.school.id).code, parse("q@e.example"), b"\1" * 32, "a")
    (answer,) = request_many(keyring, [request], now=clock.now(), budgets=limits)
    assert isinstance(answer, BudgetSpent), "the same budget, not one of their own"
    assert write(9, "b")


def test_whom_nobody_vouches_for_is_kept_but_not_answered(ward: Ward) -> None:
    """Or anybody could have us write to a victim."""
    question = Question(parse(STRANGER), os.urandom(32), "質問です", "a", doubtful=True)
    assert inquire(ward.keyring(Zone.MAIL), question, now=clock.now()) is Done.INQUIRY
    assert Inquiry.select().count() == 1
    assert letters() == []


# --- what is not left behind


def test_nothing_that_was_written_is_logged_or_lies_open(
    answering: Callable[[Scene], None], ward: Ward, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        await house.answer(reply, FORM.replace("1年1組", "花組"), tls=False)
        await house.answer(reply, FORM.replace("1年1組", "花組"))
        await house.answer(reply, FORM)
        await house.answer(newest(LetterKind.WELCOME), "花子が熱を出しました")
        await house.answer(reply, FORM, sender=STRANGER)

    answering(scene)
    said = "".join(capfd.readouterr())
    assert said.count("answer.taken") == 5
    tables = (Registration, Address, Child, Delivery, Inquiry, Confirmation, Broadcast)
    rows = [str(value) for table in tables for row in table.select(table).dicts() for value in row.values()]
    octets = [bytes(v) for t in tables for row in t.select(t).dicts() for v in row.values() if _is_octets(v)]
    for word in ("花子", "太郎", "花組", "hanako", "mallory"):
        assert word not in said + "".join(rows)
        assert not any(word.encode() in value for value in octets)
    db.close()


def _is_octets(value: object) -> bool:
    return isinstance(value, bytes | memoryview)
