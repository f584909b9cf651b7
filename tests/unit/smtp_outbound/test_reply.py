"""What a receiver says is read strictly: whatever comes in whatever pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.reply import LINE_OCTETS, REPLY_LINES, Reply, ReplyMalformed, ReplyParser

codes = st.builds(
    lambda a, b, c: a * 100 + b * 10 + c, st.integers(2, 5), st.integers(0, 5), st.integers(0, 9)
)
texts = st.binary(max_size=60).map(lambda text: text.translate(None, b"\r\n\x00"))
replies = st.tuples(codes, st.lists(texts, min_size=1, max_size=5))


def wire(code: int, lines: list[bytes]) -> bytes:
    *before, last = lines
    return b"".join([*(b"%d-%b\r\n" % (code, line) for line in before), b"%d %b\r\n" % (code, last)])


def read(octets: bytes, cuts: list[int] | None = None) -> list[Reply]:
    parser = ReplyParser()
    found = []
    for start, end in itertools.pairwise([0, *sorted(cuts or []), len(octets)]):
        parser.feed(octets[start:end])
        while (reply := parser.next()) is not None:
            found.append(reply)
    return found


@given(st.lists(replies, max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_replies_survive_any_cut(said: list[tuple[int, list[bytes]]], cuts: list[int]) -> None:
    octets = b"".join(wire(code, lines) for code, lines in said)
    found = read(octets, [min(cut, len(octets)) for cut in cuts])
    assert [(reply.code, list(reply.lines)) for reply in found] == said


@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_refused(octets: bytes) -> None:
    try:
        found = read(octets)
    except ReplyMalformed:
        return
    assert all(200 <= reply.code < 600 and reply.lines for reply in found)


@given(replies)
def test_half_a_reply_is_none(said: tuple[int, list[bytes]]) -> None:
    octets = wire(*said)
    parser = ReplyParser()
    parser.feed(octets[:-1])
    assert parser.next() is None
    assert not parser.is_empty
    parser.feed(octets[-1:])
    assert parser.next() is not None
    assert parser.is_empty


@pytest.mark.parametrize(
    ("line", "enhanced"),
    [
        (b"250 2.1.0 ok", "2.1.0"),
        (b"550 5.1.1", "5.1.1"),
        (b"550 5.7.999 x", "5.7.999"),
        (b"550 4.7.1 class of another reply", ""),
        (b"550 5.1.1234 x", ""),
        (b"550 5.01.1 x", ""),
        (b"550 5.1.1x", ""),
        (b"354 go", ""),
        (b"250", ""),
    ],
)
def test_enhanced_codes(line: bytes, enhanced: str) -> None:
    assert read(line + b"\r\n")[0].enhanced == enhanced


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"ok\r\n",
        b"25 ok\r\n",
        b"2500 ok\r\n",
        b"150 ok\r\n",
        b"650 ok\r\n",
        b"260 ok\r\n",
        b"250\tok\r\n",
        b"250 a\nb\r\n",
        b"250 a\rb\r\n",
        b"250 a\x00\r\n",
        b"\xe3\x81\x82\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\n 250 b\r\n",
    ],
)
def test_outside_the_grammar(octets: bytes) -> None:
    with pytest.raises(ReplyMalformed):
        read(octets)


def test_an_endless_line_is_refused_while_it_arrives() -> None:
    parser = ReplyParser()
    parser.feed(b"250 " + b"x" * LINE_OCTETS)
    with pytest.raises(ReplyMalformed):
        parser.next()


def test_an_endless_reply_is_refused() -> None:
    with pytest.raises(ReplyMalformed):
        read(b"250-more\r\n" * (REPLY_LINES + 1))
