"""Whatever a receiver does, in whatever order: each letter taken is settled once, and none twice."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.delivery.outcome import Kind, Outcome
from smtp.courier import Courier, CourierSettings, Message, Target

MOODS = [
    "220 a",
    "250 ok",
    "354 go",
    "250 2.0.0 ok",
    "421 4.7.0 x",
    "450 x",
    "550 x",
    "503 x",
    "251-",
    "?",
    "reset",
]


@dataclass
class Ledger:
    left: int
    taken: list[Message] = field(default_factory=list)
    committed: set[int] = field(default_factory=set)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def take(self) -> Message | None:
        if not self.left:
            return None
        self.left -= 1
        self.taken.append(Message(self.left, b"b@x.jp", b"taro@docomo.ne.jp", b"x\r\n"))
        return self.taken[-1]

    def committing(self, message: Message) -> None:
        assert message.delivery_id not in self.outcomes
        self.committed.add(message.delivery_id)

    def settle(self, message: Message, outcome: Outcome) -> None:
        assert message.delivery_id not in self.outcomes
        assert outcome.kind is not Kind.ACCEPTED or message.delivery_id in self.committed
        assert not outcome.uncertain or message.delivery_id in self.committed
        self.outcomes[message.delivery_id] = outcome


async def _meet(moods: list[str], offer: bytes, cancel: bool) -> Ledger:
    """A server that greets properly and then answers every packet with whatever its mood is."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250-mx\r\n250 %b\r\n" % offer)
        left = list(moods)
        while left and await reader.read(65536):
            burst, left = left[:3], left[3:]
            for mood in burst:
                if mood == "reset":
                    writer.transport.abort()
                    return
                writer.write(mood.encode() + b"\r\n")
        writer.close()

    ledger = Ledger(4)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = Target("mx", "127.0.0.1", server.sockets[0].getsockname()[1])
    patience = CourierSettings("relay.x.jp", reply_timeout_s=0.5, dot_timeout_s=0.5, quit_timeout_s=0.1)
    courier = await Courier.connect(target, patience, ledger)
    run = asyncio.create_task(courier.run())
    if cancel:
        await asyncio.sleep(0)
        run.cancel()
    await asyncio.wait([run], timeout=10)
    assert run.done()
    if not run.cancelled():
        ended = run.result()
        assert ended.accepted + ended.refused == len(ledger.taken)
    server.close()
    return ledger


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(MOODS), max_size=14),
    st.sampled_from([b"PIPELINING", b"SIZE"]),
    st.booleans(),
)
def test_each_letter_is_settled_once(moods: list[str], offer: bytes, cancel: bool) -> None:
    ledger = asyncio.run(_meet(moods, offer, cancel))
    assert sorted(ledger.outcomes) == sorted(message.delivery_id for message in ledger.taken)
