"""A guardian answers our mail: the real listener with TLS, the real domain, SQLite and PostgreSQL.

Every scene begins with what a guardian has in the mailbox and ends in the database.
"""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from appliance import clock, db
from appliance.config import Config, Zone
from appliance.delivery.letters import LetterKind
from appliance.directory import registrants
from appliance.keys import Purpose, Slot
from appliance.models import (
    Address,
    Broadcast,
    Child,
    Confirmation,
    Delivery,
    Inbound,
    Inquiry,
    Registration,
)
from appliance.registration import expire
from smtp import answer_address, inbound
from smtp.inbound.listener import bind
from tests.dialogs.inbound.play import Peer
from tests.flows.ward import Ward

HANAKO, TARO, STRANGER = "hanako@docomo.ne.jp", "taro@ezweb.ne.jp", "mallory@example.com"
FORM = "1 学年・組：1年1組\n2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎"
TAKEN = "250 2.0.0 Taken and kept"
NOT_YOURS = "550 5.7.1 Please answer from the address that got our mail"

Scene = Callable[["House"], Awaitable[None]]


class House:
    """The running listener over the ward."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.port = 0
        self.number = 0
        self.key = ward.keyring(Zone.MAIL).secret("return-path.key")

    def to(self, delivery: Delivery) -> str:
        """Its Reply-To."""
        return f"{answer_address.mint(self.key, delivery.id)}@{self.ward.config.mail.registration_domain}"

    async def answer(
        self, delivery: Delivery, text: str, sender: str = HANAKO, *, tls: bool = True, **more: str
    ) -> str:
        """A reply to that mail; the reply to its final dot, or to RCPT."""
        return await self.send(self.to(delivery), text, sender, tls=tls, **more)

    async def send(
        self, to: str, text: str, sender: str, *, tls: bool = True, subject: str = "Re:", header: str = ""
    ) -> str:
        self.number += 1
        peer = await Peer.dial(self.port)
        try:
            await peer.greet()
            if tls:
                await _under_tls(peer)
            await peer.ask(f"MAIL FROM:<{sender}>")
            said = await peer.ask(f"RCPT TO:<{to}>")
            if not said.startswith("250"):
                return said
            await peer.ask("DATA")
            content = base64.encodebytes(text.encode()).decode().replace("\n", "\r\n")
            return await peer.ask(
                f"Message-ID: <{self.number}@phone.example>\r\nSubject: {subject}\r\n{header}"
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                f"{content}."
            )
        finally:
            peer.close()


async def _under_tls(peer: Peer) -> None:
    assert (await peer.ask("STARTTLS")).startswith("220")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    await peer.writer.start_tls(context, server_hostname="mx.midori.example")
    await peer.send(b"EHLO phone.example\r\n")
    while not (await peer.line()).startswith("250 "):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("mx.midori.example")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return folder / "chain.pem", folder / "key.pem"


@pytest.fixture
def play(ward: Ward, certificate: tuple[Path, Path]) -> Callable[[Scene], None]:
    """Runs a scene in the house."""
    mail = ward.config.mail.model_copy(update={"tls_cert": certificate[0], "tls_key": certificate[1]})
    config: Config = ward.config.model_copy(update={"mail": mail})

    async def whole(scene: Scene) -> None:
        house = House(ward)
        running = await inbound.start(config, ward.keyring(Zone.MAIL), sockets=bind(["127.0.0.1:0"]))
        house.port = running.endpoints[0][1]
        try:
            await scene(house)
        finally:
            await running.close(grace_s=2)

    return lambda scene: asyncio.run(whole(scene))


def letters(since: int = 0) -> list[str]:
    return [row.kind for row in Delivery.select().where(Delivery.id > since).order_by(Delivery.id)]


def newest(kind: LetterKind) -> Delivery:
    found: Delivery = Delivery.select().where(Delivery.kind == kind).order_by(Delivery.id.desc()).get()
    return found


def asked(ward: Ward, sender: str = HANAKO) -> Delivery:
    """The reply to an empty mail."""
    ward.empty_mail(sender)
    return newest(LetterKind.REPLY)


def got(ward: Ward, sender: str = HANAKO) -> Delivery:
    """The school's mail in the mailbox of somebody who is registered."""
    registered = ward.register(sender, "山田 花子", "山田 太郎")
    sent = ward.draft()
    ward.send(sent)
    found: Delivery = Delivery.get(Delivery.broadcast == sent.id, Delivery.address == registered.address_id)
    return found


def settled() -> None:
    Delivery.update(state="accepted").execute()


# --- registration completed by answer


def test_a_filled_form_completes_the_registration(play: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM + "\n\niPhoneから送信") == TAKEN
        assert letters(reply.id) == [LetterKind.WELCOME]
        made = Registration.get()
        assert made.state == "confirmed"
        assert Child.get().school_class_id == ward.classes[0].id
        slot = Slot(Purpose.NAMES, "registration", "guardian_name_sealed", ward.school.id, made.id)
        assert ward.keyring(Zone.ADMIN).open(slot, bytes(made.guardian_name_sealed)) == "山田 太郎"
        assert await house.answer(reply, FORM) == TAKEN
        assert letters(reply.id) == [LetterKind.WELCOME]

    play(scene)


def test_in_the_clear_nothing_is_used_and_the_link_is_sent_again(
    play: Callable[[Scene], None], ward: Ward
) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM, tls=False) == TAKEN
        assert letters(reply.id) == [LetterKind.NOT_ENCRYPTED]
        assert Registration.get().state == "requested"
        assert await house.answer(newest(LetterKind.NOT_ENCRYPTED), FORM) == TAKEN
        assert Registration.get().state == "confirmed"

    play(scene)


def test_what_was_not_understood_is_asked_for_three_times_at_most(
    play: Callable[[Scene], None], ward: Ward
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

    play(scene)


def test_a_day_later_the_answer_brings_a_letter_that_says_so(
    play: Callable[[Scene], None], ward: Ward
) -> None:
    reply = asked(ward)
    Registration.update(expires_at=clock.now() - timedelta(minutes=1)).execute()

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM) == TAKEN
        assert letters(reply.id) == [LetterKind.LINK_EXPIRED]
        assert Child.select().count() == 0

    play(scene)


def test_who_did_not_ask_can_say_so_and_is_forgotten(play: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, "解除") == TAKEN
        assert Registration.get().state == "withdrawn"
        assert letters(reply.id) == [LetterKind.WITHDRAWN]

    play(scene)
    settled()
    expire(clock.now())
    assert bytes(Address.get().sealed) == b""


def test_names_by_mail_join_the_child_when_the_school_looks(
    play: Callable[[Scene], None], ward: Ward
) -> None:
    """The mail zone cannot recognise a name; the admin zone does, and tells who was there before."""
    mother = ward.register(TARO, "山田 花子", "山田 雪")
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, FORM) == TAKEN
        assert Child.select().where(Child.unrecognised).count() == 1

    play(scene)
    assert LetterKind.NEWCOMER not in letters()
    rows = registrants.find(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, "山田花子")
    assert {row.guardian_name for row in rows} == {"山田 太郎", "山田 雪"}
    assert Child.select().count() == 1
    assert newest(LetterKind.NEWCOMER).address_id == mother.address_id
    registrants.find(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, "山田花子")
    assert letters().count(LetterKind.NEWCOMER) == 1


# --- strangers and machines


def test_only_the_address_that_got_the_mail_may_answer_it(play: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        before = Inbound.select().count()
        assert await house.answer(reply, FORM, sender=STRANGER) == NOT_YOURS
        forged = f"{answer_address.mint(b'x' * 32, reply.id)}@{ward.config.mail.registration_domain}"
        assert (await house.send(forged, FORM, HANAKO)).startswith("550 5.1.1")
        assert letters(reply.id) == []
        assert (Inbound.select().count(), Confirmation.select().count()) == (before, 0)
        assert await house.answer(reply, FORM, sender=HANAKO.upper()) == TAKEN

    play(scene)


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-replied\r\n", "Precedence: bulk\r\n"])
def test_a_machine_never_answers(play: Callable[[Scene], None], ward: Ward, header: str) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        assert (await house.answer(mail, "不在です", header=header)).startswith("550 5.7.1 Automatic")
        assert (await house.answer(mail, "不在です", sender="")).startswith("550 5.7.1 Automatic")
        assert (Confirmation.select().count(), Inquiry.select().count()) == (0, 0)

    play(scene)


# --- confirmation and inquiry


@pytest.mark.parametrize("text", ["", "確認しました。ありがとうございます。", "OK", "はい"])
def test_an_answer_to_a_broadcast_is_a_confirmation(
    play: Callable[[Scene], None], ward: Ward, text: str
) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        for _ in range(2):
            assert await house.answer(mail, text) == TAKEN
        (row,) = Confirmation.select()
        assert (row.delivery_id, row.how) == (mail.id, "reply")
        assert letters(mail.id) == []

    play(scene)


def test_other_words_are_kept_sealed_for_the_desk(play: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)
    text = "明日は花子が休みます。" * 1000

    async def scene(house: House) -> None:
        assert await house.answer(mail, text) == TAKEN
        assert await house.answer(mail, "もう一つ伺います") == TAKEN
        assert letters(mail.id) == [LetterKind.INQUIRY_KEPT]  # once an hour

    play(scene)
    first = Inquiry.select().order_by(Inquiry.received_at).first()
    slot = Slot(Purpose.NAMES, "inquiry", "sealed", ward.school.id, first.id)
    assert ward.keyring(Zone.ADMIN).open(slot, bytes(first.sealed)) == text[:4000]
    assert (first.delivery_id, first.state) == (mail.id, "open")
    assert Confirmation.select().count() == 1
    Inquiry.update(received_at=clock.now() - timedelta(days=181)).execute()
    expire(clock.now())
    assert Inquiry.select().count() == 0


def test_an_inquiry_from_somebody_unknown_belongs_to_the_ward(
    play: Callable[[Scene], None], ward: Ward
) -> None:
    async def scene(house: House) -> None:
        to = f"toiawase@{ward.config.mail.registration_domain}"
        assert await house.send(to, "登録できません", STRANGER, subject="question") == TAKEN
        assert [row.school_id for row in Inquiry.select()] == [0]
        for _ in range(4):
            assert await house.send(to, "登録できません", STRANGER) == TAKEN
        assert (await house.send(to, "登録できません", STRANGER)).startswith("451 4.7.1")

    play(scene)
    assert letters() == [LetterKind.INQUIRY_KEPT]


# --- withdrawal


def test_leaving_takes_a_word_and_a_yes(play: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        assert await house.answer(mail, "登録解除") == TAKEN
        assert letters(mail.id) == [LetterKind.WITHDRAW]
        assert Registration.get().state == "confirmed"
        assert await house.answer(mail, "はい") == TAKEN  # to another mail: no yes to the question
        assert Registration.get().state == "confirmed"
        assert await house.answer(newest(LetterKind.WITHDRAW), "はい") == TAKEN
        gone = Registration.get()
        assert (gone.state, gone.child_id, gone.guardian_name_sealed) == ("withdrawn", None, None)
        assert Child.select().count() == 0
        assert letters(mail.id) == [LetterKind.WITHDRAW, LetterKind.WITHDRAWN]

    play(scene)
    expire(clock.now())
    assert bytes(Address.get().sealed) != b""  # the last letter still has to go
    settled()
    expire(clock.now())
    assert bytes(Address.get().sealed) == b""


@pytest.mark.parametrize("text", ["いいえ", "", "確認しました", "やっぱり続けます"])
def test_anything_but_a_yes_leaves_nobody(play: Callable[[Scene], None], ward: Ward, text: str) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        await house.answer(mail, "解除")
        await house.answer(newest(LetterKind.WITHDRAW), text)
        assert Registration.get().state == "confirmed"

    play(scene)


def test_a_yes_comes_too_late_after_a_day(play: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        await house.answer(mail, "解除")
        Delivery.update(created_at=clock.now() - timedelta(hours=25)).where(
            Delivery.kind == LetterKind.WITHDRAW
        ).execute()
        assert await house.answer(newest(LetterKind.WITHDRAW), "はい") == TAKEN
        assert Registration.get().state == "confirmed"

    play(scene)


# --- change of address


def test_an_address_changes_when_both_mailboxes_say_so(play: Callable[[Scene], None], ward: Ward) -> None:
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

    play(scene)
    settled()
    expire(clock.now())
    assert bytes(Address.get_by_id(mail.address_id).sealed) == b""
    rows = registrants.find(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, "山田花子")
    assert [(row.address, row.guardian_name) for row in rows] == [(TARO, "山田 太郎")]


def test_a_child_that_both_addresses_had_keeps_one_registration(
    play: Callable[[Scene], None], ward: Ward
) -> None:
    mail = got(ward)
    ward.register(TARO, "山田 花子", "山田 雪")

    async def scene(house: House) -> None:
        await house.answer(mail, f"変更 {TARO}")
        await house.answer(newest(LetterKind.CHANGE), "はい", sender=TARO)
        states = sorted(row.state for row in Registration.select())
        assert states == ["confirmed", "withdrawn"]

    play(scene)


def test_the_word_alone_brings_the_way_to_do_it(play: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        await house.answer(mail, "アドレス変更")
        await house.answer(mail, f"変更 {HANAKO}")
        assert letters(mail.id) == [LetterKind.CHANGE_HOW] * 2

    play(scene)


def test_nobody_can_be_flooded_through_us(play: Callable[[Scene], None], ward: Ward) -> None:
    mail = got(ward)

    async def scene(house: House) -> None:
        said = [await house.answer(mail, f"変更 victim{number}@example.jp") for number in range(4)]
        assert said[:3] == [TAKEN] * 3
        assert said[3].startswith("451 4.7.1")
        said = [await house.answer(mail, "ヘルプ") for _ in range(11)]
        assert [line[:3] for line in said] == ["250"] * 10 + ["451"]

    play(scene)


# --- language


def test_a_word_chooses_the_language_of_letters(play: Callable[[Scene], None], ward: Ward) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        assert await house.answer(reply, "नेपाली") == TAKEN
        assert letters(reply.id) == [LetterKind.REPLY]
        assert Address.get().language == "ne"
        assert await house.answer(newest(LetterKind.REPLY), FORM) == TAKEN
        assert await house.answer(newest(LetterKind.WELCOME), "", subject="English") == TAKEN
        assert Address.get().language == "en"
        assert letters(reply.id) == [LetterKind.REPLY, LetterKind.WELCOME, LetterKind.LANGUAGE]

    play(scene)


# --- what is not left behind


def test_nothing_that_was_written_is_logged_or_lies_open(
    play: Callable[[Scene], None], ward: Ward, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = asked(ward)

    async def scene(house: House) -> None:
        await house.answer(reply, FORM.replace("1年1組", "花組"), tls=False)
        await house.answer(reply, FORM.replace("1年1組", "花組"))
        await house.answer(reply, FORM)
        await house.answer(newest(LetterKind.WELCOME), "花子が熱を出しました")
        await house.answer(reply, FORM, sender=STRANGER)

    play(scene)
    said = "".join(capfd.readouterr())
    assert said.count("answer.taken") == 5
    tables = (Registration, Address, Child, Delivery, Inquiry, Confirmation, Broadcast)
    rows = [str(value) for table in tables for row in table.select().dicts() for value in row.values()]
    octets = [bytes(v) for t in tables for row in t.select().dicts() for v in row.values() if _is_octets(v)]
    for word in ("花子", "太郎", "花組", "hanako", "mallory"):
        assert word not in said + "".join(rows)
        assert not any(word.encode() in value for value in octets)
    db.close()


def _is_octets(value: object) -> bool:
    return isinstance(value, bytes | memoryview)
