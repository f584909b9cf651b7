"""The mail house that guardians answer to: the real listener with TLS over the ward, and what they write.

`play(scene)` (a fixture) opens it and runs the scene; `House.answer` replies to one of our mails.
"""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.config import Config, Zone
from appliance.delivery.letters import LetterKind
from appliance.models import Delivery
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


def player(ward: Ward, certificate: tuple[Path, Path]) -> Callable[[Scene], None]:
    """Runs a scene in the house of this ward."""
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
