"""A guardian sends an empty mail to the address on the handout: from the socket to the committed row.

The real listener, the real domain, SQLite and PostgreSQL. What is committed is looked at in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from peewee import OperationalError

from appliance import db, delivery, keystore, security_code
from appliance.address import parse
from appliance.config import Config, Zone
from appliance.delivery import Reason
from appliance.delivery.letters import LetterKind
from appliance.directory.schools import add_school
from appliance.keys import Keyring, Purpose, Slot
from appliance.models import Address, Delivery, Inbound, Registration, School
from appliance.states import DeliveryState
from smtp import inbound, return_path
from smtp.inbound.listener import bind
from tests.dialogs.inbound.play import Peer, code
from tests.support.automatic import DELAYS
from tests.support.automatic import REPLIES as AUTOMATIC
from tests.support.bounces import FORMS

TAKEN = "250 2.0.0 Taken and kept"
LATER = "451 4.3.0 Not kept, try again later"

Scene = Callable[["MailHouse"], Awaitable[None]]


class MailHouse:
    """The running listener over the real domain, with one elementary school."""

    def __init__(self, config: Config, keyring: Keyring, school: School) -> None:
        self.config = config
        self.keyring = keyring
        self.school = school
        self.code = security_code.current(school.id).code
        self.port = 0

    async def send(self, sender: str, *codes: str, content: str = "", number: int = 1) -> str:
        """One empty mail, with a Message-ID that `number` tells apart; the last reply."""
        peer = await Peer.dial(self.port)
        try:
            await peer.greet()
            await peer.ask(f"MAIL FROM:<{sender}>")
            for local_part in codes or (self.code,):
                reply = await peer.ask(f"RCPT TO:<{local_part}@{self.config.mail.registration_domain}>")
                if not reply.startswith("250"):
                    return reply
            await peer.ask("DATA")
            return await peer.ask(f"Message-ID: <{number}@phone.example>\r\n{content}\r\n.")
        finally:
            peer.close()


@pytest.fixture
def play(database: Config) -> Callable[[Scene], None]:
    """Runs a scene in the mail house."""
    keystore.publish_zone_keys(database.secrets_dir)
    school = add_school("elementary", "みどり小学校", "Midori Elementary School")
    keyring = keystore.open_keyring(database, Zone.MAIL)

    async def whole(scene: Scene) -> None:
        house = MailHouse(database, keyring, school)
        running = await inbound.start(database, keyring, sockets=bind(["127.0.0.1:0"]))
        house.port = running.endpoints[0][1]
        try:
            await scene(house)
        finally:
            await running.close(grace_s=2)

    return lambda scene: asyncio.run(whole(scene))


def letters() -> list[str]:
    return [row.kind for row in Delivery.select().order_by(Delivery.id)]


def test_an_empty_mail_becomes_a_pending_registration_and_a_reply(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        assert await house.send("a..b@docomo.ne.jp") == TAKEN
        registration = Registration.get()
        address = Address.select(Address).get()
        assert (registration.state, registration.school_id) == ("requested", house.school.id)
        slot = Slot(Purpose.ADDRESSES, "address", "sealed", house.school.id, address.id)
        assert house.keyring.open(slot, bytes(address.sealed)) == "a..b@docomo.ne.jp"
        assert letters() == [LetterKind.REPLY]

    play(scene)


def test_the_same_mail_twice_makes_one_request(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        assert await house.send("hanako@ezweb.ne.jp") == TAKEN
        assert await house.send("hanako@ezweb.ne.jp") == TAKEN
        assert letters() == [LetterKind.REPLY]
        assert await house.send("hanako@ezweb.ne.jp", number=2) == TAKEN
        assert letters() == [LetterKind.REPLY] * 2

    play(scene)


def test_last_years_code_is_answered_kindly(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        await asyncio.to_thread(security_code.renew, house.school)
        assert await house.send("hanako@ezweb.ne.jp") == TAKEN
        assert letters() == [LetterKind.RETIRED_CODE]
        assert Registration.select().count() == 0

    play(scene)


def test_a_code_that_no_school_has_sounds_the_same_and_gets_a_letter(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        assert await house.send("hanako@ezweb.ne.jp", code()) == TAKEN
        assert letters() == [LetterKind.UNKNOWN_CODE]

    play(scene)


def test_a_closed_school_says_so(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        School.update(state="closed").where(School.id == house.school.id).execute()
        assert await house.send("hanako@ezweb.ne.jp") == TAKEN
        assert letters() == [LetterKind.CLOSED_SCHOOL]

    play(scene)


def test_a_mistyped_code_is_refused_at_once(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        mistyped = house.code[1] + house.code[0] + house.code[2:] if house.code[0] != house.code[1] else "x"
        assert await house.send("hanako@ezweb.ne.jp", mistyped) == "550 5.1.1 No such recipient"

    play(scene)


def test_one_mail_to_two_schools_registers_at_both(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        other = await asyncio.to_thread(add_school, "kindergarten", "みどり幼稚園", "Midori Kindergarten")
        assert await house.send("hanako@au.com", house.code, security_code.current(other.id).code) == TAKEN
        assert {row.school_id for row in Registration.select()} == {house.school.id, other.id}

    play(scene)


def test_too_many_mails_from_one_address_wait(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        allowed = house.config.mail.requests_per_address_per_hour
        for number in range(allowed):
            assert await house.send("hanako@au.com", number=number) == TAKEN
        late = await house.send("hanako@au.com", number=allowed)
        assert late == "451 4.7.1 Too many mails for now, try again later"
        assert await house.send("taro@au.com") == TAKEN

    play(scene)


def test_a_hundred_parents_at_once_are_all_kept(play: Callable[[Scene], None]) -> None:
    """The morning on which the handouts were given out."""

    async def scene(house: MailHouse) -> None:
        replies = await asyncio.gather(*(house.send(f"parent{n}@docomo.ne.jp") for n in range(50)))
        replies += await asyncio.gather(*(house.send(f"parent{n}@docomo.ne.jp") for n in range(50, 100)))
        assert set(replies) == {TAKEN}
        assert Registration.select().count() == 100
        assert Inbound.select().count() == 100

    play(scene)


def test_a_lost_database_is_451_and_the_retry_registers(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(house: MailHouse) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(db.database.obj, "execute_sql", _no_connection)
            assert await house.send("hanako@au.com") == LATER
        assert await house.send("hanako@au.com") == TAKEN
        assert letters() == [LetterKind.REPLY]

    play(scene)


def _no_connection(*_: object, **__: object) -> None:
    raise OperationalError("server closed the connection unexpectedly: hanako@au.com")


async def come_back(house: MailHouse, sender: str, octets: bytes) -> Delivery:
    """A registration reply was accepted by its receiver, and this comes to its return path."""
    await house.send("hanako@docomo.ne.jp")
    Delivery.update(state=DeliveryState.ACCEPTED, settled_at=datetime.now(UTC)).execute()
    sent = Delivery.get()
    path = return_path.mint(house.keyring.secret(inbound.RETURN_PATH_KEY), sent.id, sent.created_at)
    peer = await Peer.dial(house.port)
    await peer.greet()
    await peer.ask(f"MAIL FROM:<{sender}>")
    assert (await peer.ask(f"RCPT TO:<{path}@{house.config.mail.bounce_domain}>")).startswith("250 ")
    await peer.ask("DATA")
    await peer.send(octets.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
    assert await peer.line() == TAKEN
    return Delivery.get_by_id(sent.id)


@pytest.mark.parametrize("sender", ["", "MAILER-DAEMON@docomo.ne.jp", "postmaster@docomo.ne.jp"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_bounce_under_our_return_path_ends_the_delivery_and_says_why(
    play: Callable[[Scene], None], form: Callable[..., bytes], sender: str
) -> None:
    async def scene(house: MailHouse) -> None:
        row = await come_back(house, sender, form("550 Unknown user", "hanako@docomo.ne.jp"))
        assert (row.state, row.code, row.reason) == (DeliveryState.BOUNCED, 550, Reason.UNKNOWN_OR_FILTERED)

    play(scene)


HARMLESS = {**AUTOMATIC, **DELAYS}


@pytest.mark.parametrize(
    "name", ["vacation under the null path", "holiday, in Japanese", "success", "sendmail"]
)
def test_what_is_no_bounce_changes_nothing(play: Callable[[Scene], None], name: str) -> None:
    async def scene(house: MailHouse) -> None:
        assert (await come_back(house, "", HARMLESS[name])).state == DeliveryState.ACCEPTED

    play(scene)


def test_what_a_guardian_writes_to_a_return_path_is_no_bounce_whatever_it_says(
    play: Callable[[Scene], None],
) -> None:
    async def scene(house: MailHouse) -> None:
        forged = FORMS["postfix"]("550 5.1.1 user unknown", "hanako@docomo.ne.jp")
        assert (await come_back(house, "hanako@docomo.ne.jp", forged)).state == DeliveryState.ACCEPTED

    play(scene)


def test_the_reply_can_be_claimed_by_the_relay(play: Callable[[Scene], None]) -> None:
    async def scene(house: MailHouse) -> None:
        await house.send("hanako@docomo.ne.jp")
        now = datetime.now(UTC)
        claimed = delivery.claim("test", parse("x@docomo.ne.jp").carrier, limit=10, lease_s=60, now=now)
        assert len(claimed) == 1

    play(scene)
