"""What holds for every dialog: only our own replies, nothing personal in a log, any client welcome."""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import aiosmtplib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance import log
from smtp.inbound import replies
from tests.dialogs.inbound.play import Peer, Stage, code
from tests.support.dialogue import is_ours, words
from tests.support.waiting import eventually

Run = Callable[[Coroutine[Any, Any, None]], None]
RECIPIENT = f"{code()}@touroku.midori.example"
WORDS = words(RECIPIENT)
CONVERSATIONS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=40), max_size=40).map(b"".join)


async def _say_all(stage: Stage, port: int, octets: bytes) -> list[str]:
    """Sends everything, half-closes and returns all that the server says."""
    peer = await Peer.dial(port)
    try:
        await peer.send(octets)
        peer.writer.write_eof()
        return await peer.rest()
    except OSError:
        return []  # it had shown us out before we were done
    finally:
        peer.close()


def test_whatever_bytes_arrive_it_gives_its_own_replies_or_closes(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    faults: list[dict[str, Any]] = []
    with asyncio.Runner() as loop:
        loop.get_loop().set_exception_handler(lambda _, context: faults.append(context))
        port = loop.run(stage.open())

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(CONVERSATIONS)
        def converse(octets: bytes) -> None:
            for line in loop.run(_say_all(stage, port, octets)):
                assert is_ours(line), line

        converse()
        loop.run(stage.close())
    assert not faults
    assert '"unexpected"' not in capfd.readouterr().err


def test_every_reply_has_an_enhanced_code_of_its_class() -> None:
    for name, reply in replies.every().items():
        if reply.code == 354:
            assert reply.enhanced == "", name
        else:
            assert re.fullmatch(rf"{str(reply.code)[0]}\.\d\.\d{{1,2}}", reply.enhanced), name
        assert reply.wire.isascii(), name
        assert len(reply.wire) <= 512, name


def test_nothing_personal_reaches_a_log(
    tls_stage: Stage, run: Run, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Canaries wherever a peer can put text, through success, refusal, fault and disconnection."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stage = tls_stage

    async def dialog() -> None:
        log.begin("mail", "canary")
        logging.getLogger().addHandler(caplog.handler)
        asyncio.get_running_loop().set_debug(True)
        port = await stage.open()
        for mood in ("keeps", "raises", "down", "spent"):
            stage.ledger.mood = mood
            peer = await Peer.dial(port)
            await peer.greet()
            await peer.ask("HELO canary.example")
            await peer.ask("VRFY canary@x.jp")
            await peer.ask("CANARY canary")
            await peer.ask("MAIL FROM:<canary")
            await peer.ask("MAIL FROM:<canary@docomo.ne.jp>")
            await peer.ask("RCPT TO:<canary@touroku.midori.example>")
            await peer.ask(f"RCPT TO:<{RECIPIENT}>")
            await peer.ask("DATA")
            await peer.ask("Subject: canary\r\nMessage-ID: <canary@x.jp>\r\n\r\ncanary\r\n.")
            peer.writer.transport.abort()
        for automatic in ("MAIL FROM:<>", "MAIL FROM:<canary-request@x.jp>"):
            peer = await Peer.dial(port)
            await peer.greet()
            await peer.ask(automatic)
            await peer.ask(f"RCPT TO:<{RECIPIENT}>")
            await peer.ask("DATA")
            assert (await peer.ask("Subject: canary\r\n\r\n.")).startswith("550 5.7.1")
            await peer.ask("QUIT")
        broken_handshake = await Peer.dial(port)
        await broken_handshake.greet()
        await broken_handshake.ask("STARTTLS")
        await broken_handshake.send(b"canary is not a ClientHello\r\n" * 20)
        await broken_handshake.rest()
        assert stage.inbound is not None
        await eventually(lambda: stage.inbound.sessions == 0)
        await stage.close()

    try:
        run(dialog())
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    heard = capfd.readouterr()
    written = "\n".join([heard.out, heard.err, caplog.text])
    assert '"unexpected"' in written, "the fault itself has to be on record"
    assert "inbound.listening" in written
    for secret in ("canary@", "canary.example", "CANARY", "Subject", "家族", code(), "127.0.0.1", "docomo"):
        assert secret not in written.replace('"zone": "mail/canary"', ""), secret


def test_an_independent_client_gets_through_under_tls(tls_stage: Stage, run: Run) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE

    async def dialog() -> None:
        port = await tls_stage.open()
        async with aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, start_tls=True, tls_context=trusting
        ) as client:
            await client.ehlo()
            assert client.supports_extension("pipelining")
            for number in range(3):
                await client.sendmail(
                    "hanako@softbank.ne.jp", [RECIPIENT], f"Message-ID: <{number}@x.jp>\r\n\r\n..\r\n"
                )
        assert len(tls_stage.ledger.kept) == 3
        await tls_stage.close()

    run(dialog())
