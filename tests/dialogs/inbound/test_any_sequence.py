"""Any sequence of acts: words, bytes, TLS, half-closes, several connections, with and without a balancer.

A state machine (Hypothesis) plays them against one listener. After each act every line that came is one of
the listener's own; at the end of each run all sessions are gone, nothing was a fault, and nothing was
committed that was not answered 250.
"""

import asyncio
import ssl
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.dialogs.inbound.play import Peer, Stage, code, trusting
from tests.support.dialogue import PROXY_V2, RECIPIENT_PLACE, is_ours, words
from tests.support.waiting import eventually

WORDS = words(f"{code()}@touroku.midori.example")
PIECES = st.lists(st.sampled_from(WORDS) | st.binary(max_size=30), min_size=1, max_size=6).map(b"".join)
BALANCER, CLIENT = "127.0.0.2", "127.0.0.3"
TAKEN = "250 2.0.0 Taken and kept"


class Machine(RuleBasedStateMachine):
    """`loop`, `stage` and `port` are set by the test."""

    loop: asyncio.Runner
    stage: Stage
    port: int
    taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.peer: Peer | None = None

    @rule(source=st.sampled_from([BALANCER, CLIENT]), header=st.booleans())
    def connect(self, source: str, header: bool) -> None:
        self._hang_up()
        self.peer = self.loop.run(self._dial(source))
        if header:
            self._send(b"PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n")

    @precondition(lambda self: self.peer)
    @rule(octets=PIECES)
    def say(self, octets: bytes) -> None:
        self._send(octets)

    @precondition(lambda self: self.peer)
    @rule(
        cut=st.integers(0, 40),
        word=st.sampled_from([word for word in WORDS if word.startswith(PROXY_V2)]),
    )
    def half_a_binary_header(self, cut: int, word: bytes) -> None:
        self._send(word[:cut])

    @precondition(lambda self: self.peer)
    @rule()
    def a_mail_in_earnest(self) -> None:
        for word in (
            b"EHLO x\r\n",
            b"MAIL FROM:<a@docomo.ne.jp>\r\n",
            WORDS[RECIPIENT_PLACE],
            b"DATA\r\n",
            b"\r\n.\r\n",
        ):
            self._send(word)

    @precondition(lambda self: self.peer)
    @rule(earnest=st.booleans())
    def start_tls(self, earnest: bool) -> None:
        assert self.peer is not None
        self._send(b"\r\nEHLO x\r\nSTARTTLS\r\n")
        if not earnest:
            self._send(b"\x16\x03\x01\xff\xff" + b"a" * 64)
            return
        try:
            self.loop.run(self._handshake(self.peer))
        except (OSError, ssl.SSLError, TimeoutError):
            self._hang_up()

    @precondition(lambda self: self.peer)
    @rule()
    def half_close(self) -> None:
        assert self.peer is not None
        peer, self.peer = self.peer, None
        if not peer.writer.can_write_eof() or peer.writer.is_closing():
            peer.writer.transport.abort()
            return
        self.loop.run(self._end(peer))

    @precondition(lambda self: self.peer)
    @rule()
    def reset(self) -> None:
        self._hang_up()

    def teardown(self) -> None:
        self._hang_up()
        inbound = self.stage.inbound
        assert inbound is not None
        self.loop.run(eventually(lambda: inbound.sessions == 0, why="a session stays"))

    # --- how

    async def _dial(self, source: str) -> Peer:
        return Peer(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0)))

    def _send(self, octets: bytes) -> None:
        if self.peer is not None:
            self.loop.run(self._say_and_hear(self.peer, octets))

    async def _say_and_hear(self, peer: Peer, octets: bytes) -> None:
        try:
            peer.writer.write(octets)
            await asyncio.sleep(0.002)
            while b"\n" in peer.reader._buffer:
                self._heard(await peer.reader.readline())
        except (OSError, ValueError):
            pass

    async def _end(self, peer: Peer) -> None:
        """After a half-close the server answers what it has, and closes."""
        try:
            peer.writer.write_eof()
            async with asyncio.timeout(10):
                while line := await peer.reader.readline():
                    self._heard(line)
        except (OSError, ValueError):
            pass
        finally:
            peer.writer.transport.abort()

    async def _handshake(self, peer: Peer) -> None:
        async with asyncio.timeout(1):
            while not (line := await peer.reader.readline()).startswith(b"220 2.0.0"):
                if not line:
                    raise ConnectionResetError
                self._heard(line)
            await peer.writer.start_tls(trusting())

    def _heard(self, line: bytes) -> None:
        text = line.decode("latin-1")
        if text.endswith("\r\n"):
            assert is_ours(text[:-2]), text
            type(self).taken += text[:-2] == TAKEN

    def _hang_up(self) -> None:
        if self.peer is not None:
            self.loop.run(self._abort(self.peer))
            self.peer = None

    async def _abort(self, peer: Peer) -> None:
        peer.writer.transport.abort()


def test_any_sequence_of_acts(tls_stage: Stage, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mail = tls_stage.config.mail.model_copy(update={"balancers": [f"{BALANCER}/32"]})
    tls_stage.config = tls_stage.config.model_copy(update={"mail": mail})
    faults: list[dict[str, object]] = []
    with asyncio.Runner() as loop:
        loop.get_loop().set_exception_handler(lambda _, context: faults.append(context))
        Machine.loop, Machine.stage, Machine.taken = loop, tls_stage, 0
        Machine.port = loop.run(tls_stage.open())
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine,
            settings=settings(
                max_examples=60,
                stateful_step_count=15,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        loop.run(tls_stage.close())
    assert not [fault for fault in faults if not isinstance(fault.get("exception"), OSError | ssl.SSLError)]
    assert '"unexpected"' not in capfd.readouterr().err
    assert 0 < Machine.taken <= tls_stage.ledger.attempts
