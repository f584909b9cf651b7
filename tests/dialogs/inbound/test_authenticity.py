"""Who may have sent this empty mail: judged by the sender's own domain, over a real name server."""

import asyncio
import base64
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from appliance.config import Config
from tests.dialogs.inbound.play import Peer, Stage, code
from tests.support.installation import nameserver
from tests.support.waiting import free_port

Run = Callable[[Coroutine[Any, Any, None]], None]
RECIPIENT = f"{code()}@touroku.midori.example"
TAKEN = "250 2.0.0 Taken and kept"
REFUSED = "550 5.7.1 The sender's domain does not vouch for this mail"
ZONE = """
docomo.ne.jp. IN TXT "v=spf1 include:_spf.docomo.ne.jp ~all"
_spf.docomo.ne.jp. IN TXT "v=spf1 ip4:127.0.0.0/8 ~all"
soft.example. IN TXT "v=spf1 ip4:192.0.2.1 ~all"
strict.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"
loop.example. IN TXT "v=spf1 include:loop.example -all"
twice.example. IN TXT "v=spf1 -all"
twice.example. IN TXT "v=spf1 +all"
macro.example. IN TXT "v=spf1 exists:%{{l}}.allowed.example -all"
hanako.allowed.example. IN A 127.0.0.2
signed.example. IN TXT "v=spf1 -all"
k1._domainkey.signed.example. IN TXT {key}
bank.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.bank.example. IN TXT "v=DMARC1; p=reject"
_dmarc.trying.example. IN TXT "v=DMARC1; p=reject; pct=0"
_dmarc.sub.co.jp. IN TXT "v=DMARC1; p=none; sp=reject"
"""


@pytest.fixture(scope="module")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def dkim_record(key: rsa.RSAPrivateKey) -> str:
    """RFC 6376 3.6.1, in strings of at most 255 octets."""
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    return " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))


@pytest.fixture(scope="module")
def dns_port(signing_key: rsa.RSAPrivateKey) -> Iterator[int]:
    port = free_port()
    with nameserver(port, ZONE.format(key=dkim_record(signing_key))):
        yield port


def judged_by(config: Config, dns_port: int, mode: str = "enforce", deadline_s: float = 3.0) -> Config:
    mail = config.mail.model_copy(update={"authenticity": mode, "authenticity_deadline_s": deadline_s})
    relay = config.relay.model_copy(update={"nameservers": [f"127.0.0.1:{dns_port}"]})
    return config.model_copy(update={"mail": mail, "relay": relay})


@pytest.fixture
def judging(stage: Stage, dns_port: int) -> Stage:
    stage.config = judged_by(stage.config, dns_port)
    return stage


async def send(port: int, sender: str, content: bytes) -> str:
    """One mail; the reply to its final dot."""
    peer = await Peer.dial(port)
    await peer.greet()
    await peer.ask(f"MAIL FROM:<{sender}>")
    await peer.ask(f"RCPT TO:<{RECIPIENT}>")
    await peer.ask("DATA")
    await peer.send(content + b"\r\n.\r\n")
    reply = await peer.line()
    peer.close()
    return reply


def mail(author: str) -> bytes:
    return f"From: {author}\r\nMessage-ID: <{time.monotonic_ns()}@x.jp>\r\nSubject: touroku\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("sender", "author", "answer"),
    [
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp", "vouched for"),
        ("hanako@docomo.ne.jp", '"花子, \\" <x@y>" (a@b) <hanako@docomo.ne.jp>', "vouched for"),
        ("hanako@docomo.ne.jp", "hanako@mail.docomo.ne.jp", "vouched for"),
        ("hanako@docomo.ne.jp", "ceo@bank.example", "refused"),
        ("hanako@docomo.ne.jp", "a@x.sub.co.jp", "refused"),
        ("hanako@docomo.ne.jp", "ceo@trying.example", "vouched for"),
        ("hanako@docomo.ne.jp", "a@x.jp, b@bank.example", "vouched for"),
        ("hanako@soft.example", "hanako@soft.example", "doubted"),
        ("hanako@nothing.example", "hanako@nothing.example", "doubted"),
        ("hanako@loop.example", "hanako@loop.example", "doubted"),
        ("hanako@twice.example", "hanako@twice.example", "doubted"),
        ("hanako@strict.example", "hanako@strict.example", "refused"),
        ("hanako@bank.example", "hanako@docomo.ne.jp", "refused"),
        ("hanako@macro.example", "hanako@macro.example", "vouched for"),
        ("taro@macro.example", "taro@macro.example", "refused"),
    ],
)
def test_the_word_of_the_domain_decides(
    judging: Stage, sender: str, author: str, answer: str, run: Run
) -> None:
    async def dialog() -> None:
        port = await judging.open()
        for _ in range(2):  # the second answer comes from what is remembered
            reply = await send(port, sender, mail(author))
            assert reply == (REFUSED if answer == "refused" else TAKEN)
        assert [item.doubtful for item in judging.ledger.kept] == (
            [] if answer == "refused" else [answer == "doubted"] * 2
        )
        await judging.close()

    run(dialog())


def test_a_signature_of_the_domain_counts_where_the_way_was_a_detour(
    judging: Stage, signing_key: rsa.RSAPrivateKey, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    """SPF says -all because somebody forwards; the signature of the sender's own domain still holds."""
    content = mail("hanako@signed.example")
    signature = dkim.sign(content, b"k1", b"signed.example", pem(signing_key))
    part_of_body = dkim.sign(content, b"k1", b"signed.example", pem(signing_key), length=True)

    async def dialog() -> None:
        port = await judging.open()
        assert await send(port, "hanako@signed.example", signature + content) == TAKEN
        assert [item.doubtful for item in judging.ledger.kept] == [False]
        for tampered in (
            signature + content.replace(b"touroku", b"altered"),
            part_of_body + content,
            b"DKIM-Signature: v=1\r\n" * 50 + signature + content,
            b"DKIM-Signature: \xff\x00;;=\r\n" + content,
            b" folded before any field\r\n" + content,
            b"no field\r\n" + content,
        ):
            assert await send(port, "hanako@signed.example", tampered) == REFUSED
        assert '"unexpected"' not in capfd.readouterr().err
        await judging.close()

    run(dialog())


def test_observing_refuses_nobody(stage: Stage, dns_port: int, run: Run) -> None:
    stage.config = judged_by(stage.config, dns_port, mode="observe")

    async def dialog() -> None:
        port = await stage.open()
        assert await send(port, "hanako@strict.example", mail("hanako@strict.example")) == TAKEN
        assert [item.doubtful for item in stage.ledger.kept] == [True]
        await stage.close()

    run(dialog())


def test_a_resolver_that_is_silent_costs_a_moment_and_no_registration(stage: Stage, run: Run) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        stage.config = judged_by(stage.config, silent.getsockname()[1], deadline_s=0.5)

        async def dialog() -> None:
            port = await stage.open()
            began = time.monotonic()
            senders = [f"p{number}@domain{number}.example" for number in range(40)]
            answers = await asyncio.gather(*(send(port, each, mail(each)) for each in senders))
            assert time.monotonic() - began < 5
            assert set(answers) == {TAKEN}
            assert all(item.doubtful for item in stage.ledger.kept)
            await stage.close()

        run(dialog())


def test_peers_with_private_addresses_are_not_judged_by_spf_on_a_node(
    judging: Stage, dns_port: int, run: Run
) -> None:
    """A node behind a translator of addresses would else refuse everybody."""
    relay = judging.config.relay.model_copy(update={"allow_private_targets": False})
    judging.config = judging.config.model_copy(update={"relay": relay})

    async def dialog() -> None:
        port = await judging.open()
        assert await send(port, "hanako@strict.example", mail("hanako@strict.example")) == TAKEN
        assert [item.doubtful for item in judging.ledger.kept] == [True]
        await judging.close()

    run(dialog())


def test_the_address_that_the_balancer_names_is_the_one_that_is_judged(judging: Stage, run: Run) -> None:
    balanced = judging.config.mail.model_copy(update={"balancers": ["127.0.0.1/32"]})
    judging.config = judging.config.model_copy(update={"mail": balanced})

    async def through(port: int, source: str) -> str:
        peer = await Peer.dial(port)
        await peer.send(f"PROXY TCP4 {source} 192.0.2.8 40000 25\r\n".encode())
        await peer.greet()
        for command in ("MAIL FROM:<hanako@strict.example>", f"RCPT TO:<{RECIPIENT}>", "DATA"):
            await peer.ask(command)
        return await peer.ask(f"Message-ID: <{source}@x>\r\n\r\n.")

    async def dialog() -> None:
        port = await judging.open()
        assert await through(port, "192.0.2.1") == TAKEN
        assert await through(port, "192.0.2.2") == REFUSED
        await judging.close()

    run(dialog())


def test_off_asks_nobody(stage: Stage, run: Run) -> None:
    async def dialog() -> None:
        port = await stage.open()
        assert await send(port, "hanako@strict.example", mail("hanako@strict.example")) == TAKEN
        assert [item.doubtful for item in stage.ledger.kept] == [False]
        await stage.close()

    run(dialog())
