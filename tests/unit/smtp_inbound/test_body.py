"""A body ends at CR LF . CR LF and nowhere else, however the bytes are cut into pieces."""

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.inbound.body import Body, BodyTooLong, MailReader

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n", b"\r\n.", b"\0"]), max_size=30).map(
    b"".join
)


def read(octets: bytes, cuts: list[int], *, keep: int = 1000, flood: int = 10_000) -> tuple[Body, bytes]:
    """Feeds the octets in pieces; returns the body and what is left for the next command."""

    async def feed() -> tuple[Body, bytes]:
        reader = MailReader(limit=1 << 16)
        reading = asyncio.create_task(reader.body(keep_octets=keep, flood_octets=flood))
        start = 0
        for cut in [*sorted(cuts), len(octets)]:
            if cut > start:
                reader.feed_data(octets[start:cut])
                start = cut
                await asyncio.sleep(0)
        reader.feed_eof()
        body = await reading
        return body, await reader.read()

    return asyncio.run(feed())


def expected(octets: bytes) -> tuple[bytes, bytes]:
    """The plain definition: lines end with CR LF, a line that is a dot ends the mail."""
    lines, rest = [], octets
    while True:
        line, _, rest = rest.partition(b"\r\n")
        if line == b".":
            return b"".join(lines), rest
        lines.append((line[1:] if line.startswith(b".") else line) + b"\r\n")


@given(PIECES, PIECES, st.lists(st.integers(0, 60), max_size=8))
def test_however_it_arrives_it_is_the_same_mail(content: bytes, after: bytes, cuts: list[int]) -> None:
    octets = content + b"\r\n.\r\n" + after
    body, rest = read(octets, [cut for cut in cuts if cut < len(octets)])
    assert (body.beginning, rest) == expected(octets)
    assert body.is_whole
    assert body.size_octets == len(body.beginning)


def test_a_mail_of_nothing() -> None:
    body, rest = read(b".\r\nQUIT\r\n", [1, 2])
    assert (body.beginning, body.size_octets, rest) == (b"", 0, b"QUIT\r\n")


def test_only_the_beginning_is_kept_but_all_is_hashed() -> None:
    content = b"line\r\n" * 1000
    body, _ = read(content + b".\r\n", [500], keep=60)
    assert body.beginning == content[:60]
    assert (body.size_octets, body.is_whole) == (len(content), False)
    assert body.digest == hashlib.sha256(content).digest()


def test_nobody_waits_for_the_end_of_a_flood() -> None:
    with pytest.raises(BodyTooLong):
        read(b"x" * 20_000, [10_000, 15_000])


def test_a_mail_without_end_is_no_mail() -> None:
    for octets in (b"", b"x", b"Subject: x\r\n\r\nhello\r\n."):
        with pytest.raises(asyncio.IncompleteReadError):
            read(octets, [])
