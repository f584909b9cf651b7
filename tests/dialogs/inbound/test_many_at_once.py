"""What no single conversation shows: many sessions, slow peers, large mails, a worker that stops."""

import asyncio
import gc
import shutil
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from appliance.errors import ConfigInvalid, PortBusy
from smtp import inbound
from smtp.inbound.certificate import tls_context
from smtp.inbound.listener import bind
from smtp.inbound.session import Session
from tests.dialogs.inbound.play import Peer, Stage, code, trusting
from tests.support.waiting import eventually

Run = Callable[[Coroutine[Any, Any, None]], None]
RECIPIENT = f"{code()}@touroku.midori.example"


async def announce(peer: Peer, sender: str) -> None:
    """EHLO to 354."""
    await peer.greet()
    assert (await peer.ask(f"MAIL FROM:<{sender}>")).startswith("250 ")
    assert (await peer.ask(f"RCPT TO:<{RECIPIENT}>")).startswith("250 ")
    assert (await peer.ask("DATA")).startswith("354 ")


async def deliver(port: int, sender: str) -> str:
    """One mail on a connection of its own; the reply to its final dot."""
    peer = await Peer.dial(port)
    await announce(peer, sender)
    await peer.send(f"Message-ID: <{sender}>\r\n\r\n.\r\n".encode())
    reply = await peer.line()
    peer.close()
    return reply


def test_one_network_cannot_take_all_places(stage: Stage, run: Run) -> None:
    stage.limits = replace(stage.limits, sessions_per_network=3)

    async def dialog() -> None:
        port = await stage.open()
        inside = [await Peer.dial(port) for _ in range(3)]
        for peer in inside:
            assert (await peer.line()).startswith("220 ")
        fourth = await Peer.dial(port)
        assert await fourth.rest() == ["421 4.7.0 Too many sessions from your network"]
        assert (await inside[0].ask("QUIT")).startswith("221 ")
        assert stage.inbound is not None
        await eventually(lambda: stage.inbound.sessions == 2)
        assert (await (await Peer.dial(port)).line()).startswith("220 ")
        await stage.close()

    run(dialog())


def test_a_full_worker_says_so(stage: Stage, run: Run) -> None:
    stage.limits = replace(stage.limits, sessions=2)

    async def dialog() -> None:
        port = await stage.open()
        inside = [await Peer.dial(port) for _ in range(2)]
        for peer in inside:
            await peer.line()
        third = await Peer.dial(port)
        assert await third.rest() == ["421 4.3.2 Too many sessions at the moment"]
        inside[0].writer.transport.abort()
        assert stage.inbound is not None
        await eventually(lambda: stage.inbound.sessions == 1)
        await stage.close()

    run(dialog())


def test_a_slow_mail_is_not_cut_while_it_moves(stage: Stage, run: Run) -> None:
    """Four times the idle limit in all, but never idle."""
    stage.limits = replace(stage.limits, idle_s=0.5)

    async def dialog() -> None:
        peer = await Peer.dial(await stage.open())
        await announce(peer, "slow@docomo.ne.jp")
        for _ in range(20):
            await peer.send(b"x")
            await asyncio.sleep(0.1)
        await peer.send(b"\r\n.\r\n")
        assert await peer.line() == "250 2.0.0 Taken and kept"
        await stage.close()

    run(dialog())


def test_a_stalled_mail_is_cut(stage: Stage, run: Run) -> None:
    stage.limits = replace(stage.limits, idle_s=0.3)

    async def dialog() -> None:
        peer = await Peer.dial(await stage.open())
        await announce(peer, "stalled@docomo.ne.jp")
        await peer.send(b"Subject: never en")
        assert await peer.rest() == ["421 4.4.2 Waited too long"]
        assert stage.ledger.attempts == 0
        await stage.close()

    run(dialog())


def test_a_handshake_that_stalls_does_not_keep_its_place(tls_stage: Stage, run: Run) -> None:
    tls_stage.limits = replace(tls_stage.limits, idle_s=0.3)

    async def dialog() -> None:
        peer = await Peer.dial(await tls_stage.open())
        await peer.greet()
        assert await peer.ask("STARTTLS") == "220 2.0.0 Ready to start TLS"
        assert tls_stage.inbound is not None
        assert tls_stage.inbound.sessions == 1
        await eventually(lambda: tls_stage.inbound.sessions == 0)
        await tls_stage.close()

    run(dialog())


def test_a_renewed_certificate_is_shown_to_the_next_client(
    tls_stage: Stage, run: Run, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """The session that is open meanwhile goes on under the old one; a broken file changes nothing."""
    chain, key = (Path(shutil.copy2(path, tmp_path)) for path in certificate)
    mail = tls_stage.config.mail.model_copy(update={"tls_cert": chain, "tls_key": key})
    tls_stage.config = tls_stage.config.model_copy(update={"mail": mail})

    async def shown(port: int) -> tuple[bytes, Peer]:
        peer = await Peer.dial(port)
        await peer.greet()
        await peer.ask("STARTTLS")
        await peer.writer.start_tls(trusting(), server_hostname="mx.midori.example")
        return peer.writer.get_extra_info("ssl_object").getpeercert(binary_form=True), peer

    async def dialog() -> None:
        port = await tls_stage.open()
        assert tls_stage.inbound is not None
        first, open_meanwhile = await shown(port)
        chain.write_bytes(b"half a certif")
        assert not tls_stage.inbound.renew_certificate()
        assert (await shown(port))[0] == first
        issued = trustme.CA().issue_cert("mx.midori.example")
        chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        assert tls_stage.inbound.renew_certificate()
        assert (await shown(port))[0] != first
        assert await open_meanwhile.ask("NOOP") == "250 2.0.0 OK"
        await tls_stage.close()

    run(dialog())


def test_a_session_that_is_over_leaves_nothing_for_the_collector(tls_stage: Stage, run: Run) -> None:
    """The mail worker's collector seldom looks, and a session under TLS is a quarter of a megabyte."""

    def sessions() -> int:
        return sum(isinstance(each, Session) for each in gc.get_objects())

    async def dialog() -> None:
        port = await tls_stage.open()
        gc.collect()
        gc.disable()
        try:
            before = sessions()
            for end in ("quit", "reset", "tls"):
                peer = await Peer.dial(port)
                await peer.greet()
                if end == "tls":
                    await peer.ask("STARTTLS")
                    await peer.writer.start_tls(trusting(), server_hostname="mx.midori.example")
                if end != "reset":
                    assert (await peer.ask("QUIT")).startswith("221")
                peer.writer.transport.abort()
            await eventually(lambda: sessions() == before)
        finally:
            gc.enable()
        await tls_stage.close()

    run(dialog())


def test_ten_megabytes_are_refused_and_the_session_goes_on(stage: Stage, run: Run) -> None:
    async def dialog() -> None:
        peer = await Peer.dial(await stage.open())
        await announce(peer, "photos@docomo.ne.jp")
        for _ in range(100):
            await peer.send(
                b"a line of a photo, in base64 or so, seventy octets long, as they are\r\n" * 1450
            )
        await peer.send(b".\r\n")
        assert await peer.line() == "552 5.3.4 Mail too large"
        assert await peer.ask("NOOP") == "250 2.0.0 OK"
        assert stage.ledger.attempts == 0
        await stage.close()

    run(dialog())


def test_waiting_mails_share_a_transaction(stage: Stage, run: Run) -> None:
    """The first is being written; the forty that came meanwhile go together."""
    stage.ledger.mood = "held"

    async def dialog() -> None:
        port = await stage.open()
        mails = [asyncio.create_task(deliver(port, f"parent{n}@docomo.ne.jp")) for n in range(41)]
        await eventually(lambda: stage.ledger.attempts == 1)
        await eventually(lambda: stage.inbound is not None and stage.inbound.sessions == 41)
        await asyncio.sleep(0.2)
        stage.ledger.release.set()
        assert set(await asyncio.gather(*mails)) == {"250 2.0.0 Taken and kept"}
        assert len(stage.ledger.kept) == 41
        assert stage.ledger.attempts <= 4
        await stage.close()

    run(dialog())


def test_one_bad_mail_spoils_no_other(stage: Stage, run: Run) -> None:
    stage.ledger.mood = "poison"

    async def dialog() -> None:
        port = await stage.open()
        senders = [*(f"parent{n}@docomo.ne.jp" for n in range(10)), "poison@docomo.ne.jp"]
        replies = await asyncio.gather(*(deliver(port, sender) for sender in senders))
        assert set(replies[:10]) == {"250 2.0.0 Taken and kept"}
        assert replies[10] == "451 4.3.0 Not kept, try again later"
        await stage.close()

    run(dialog())


def test_a_commit_that_hangs_is_451_and_its_retry_counts_once(stage: Stage, run: Run) -> None:
    stage.ledger.mood = "held"
    stage.commit_deadline_s = 0.2

    async def dialog() -> None:
        port = await stage.open()
        assert await deliver(port, "patient@docomo.ne.jp") == "451 4.3.0 Not kept, try again later"
        stage.ledger.release.set()
        await eventually(lambda: len(stage.ledger.kept) == 1)
        stage.ledger.mood = "keeps"
        assert await deliver(port, "patient@docomo.ne.jp") == "250 2.0.0 Taken and kept"
        assert len(stage.ledger.kept) == 1
        await stage.close()

    run(dialog())


def test_a_stopping_worker_finishes_the_mail_in_hand(stage: Stage, run: Run) -> None:
    stage.ledger.mood = "held"

    async def dialog() -> None:
        port = await stage.open()
        idle = await Peer.dial(port)
        await idle.greet()
        busy = await Peer.dial(port)
        await announce(busy, "last@docomo.ne.jp")
        assert stage.inbound is not None
        stopping = asyncio.create_task(stage.inbound.close(grace_s=10))
        assert await idle.rest() == ["421 4.3.2 Shutting down, try again soon"]
        await busy.send(b"Message-ID: <1@x.jp>\r\n\r\n.\r\n")
        await eventually(lambda: stage.ledger.attempts == 1)
        stage.ledger.release.set()
        assert await busy.rest() == ["250 2.0.0 Taken and kept", "421 4.3.2 Shutting down, try again soon"]
        await stopping
        assert len(stage.ledger.kept) == 1

    run(dialog())


def test_a_stopping_worker_answers_the_mail_that_is_being_committed(stage: Stage, run: Run) -> None:
    stage.ledger.mood = "held"

    async def dialog() -> None:
        peer = await Peer.dial(await stage.open())
        await announce(peer, "last@docomo.ne.jp")
        await peer.send(b"Message-ID: <1@x.jp>\r\n\r\n.\r\n")
        await eventually(lambda: stage.ledger.attempts == 1)
        assert stage.inbound is not None
        stopping = asyncio.create_task(stage.inbound.close(grace_s=10))
        await asyncio.sleep(0)
        stage.ledger.release.set()
        assert await peer.rest() == ["250 2.0.0 Taken and kept", "421 4.3.2 Shutting down, try again soon"]
        await stopping

    run(dialog())


def test_workers_share_a_port(stage: Stage, run: Run) -> None:
    async def dialog() -> None:
        port = await stage.open()
        second = await inbound.start(
            stage.config, stage.keyring, sockets=bind([f"127.0.0.1:{port}"]), commit=stage.ledger.commit
        )
        replies = await asyncio.gather(*(deliver(port, f"parent{n}@docomo.ne.jp") for n in range(30)))
        assert set(replies) == {"250 2.0.0 Taken and kept"}
        await second.close()
        await stage.close()

    run(dialog())


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortBusy, match=r"mail\.listen: 127\.0\.0\.1:\d+"):
            bind([f"127.0.0.1:{other.getsockname()[1]}"])


def test_a_bad_certificate_is_found_at_start(stage: Stage) -> None:
    missing = stage.config.relay.spool_dir / "no.pem"
    with pytest.raises(ConfigInvalid, match=r"mail\.tls_cert"):
        tls_context(missing, missing)
