"""Addresses: what Japanese carriers really issued is taken; what would become a command is not.

Whatever `parse_path` accepts is later written by us into MAIL, RCPT and To of our own mails.
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.address import Carrier, carrier_of, parse, parse_path, read
from appliance.errors import AddressInvalid

ODD = ["a..b@docomo.ne.jp", "ab.@docomo.ne.jp", ".ab@ezweb.ne.jp", "a..b@au.com", "-ab@docomo.ne.jp"]

# Pieces of which attackers and tired phones make addresses, so that Hypothesis finds more than noise.
_PIECES = st.sampled_from(
    ["<", ">", "@", '"', "\\", " ", ".", "..", ",", ":", ";", "(", ")", "[", "]", "a", "Z", "9", "-", "_",
     "=", "?", "docomo.ne.jp", "x.jp",
     "\r", "\n", "\r\n", "\t", "\0", "\x7f", "é", "漢", "。", "＠", "\u202e",
     "RCPT TO:", "SIZE=10", "=?utf-8?q?a=0d=0a?="]
)  # fmt: skip
_LINES = st.one_of(
    st.text(max_size=60),
    st.lists(_PIECES, max_size=14).map("".join),
    st.lists(_PIECES, max_size=12).map(lambda pieces: "<" + "".join(pieces) + ">"),
    st.builds(
        lambda local, domain: f"<{local}@{domain}>",
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12),
        st.sampled_from(["docomo.ne.jp", "Ezweb.NE.jp", "例え.jp", "x.y"]),
    ),
    st.builds(
        lambda local, domain: f'<"{local}"@{domain}>',
        st.text(st.characters(min_codepoint=31, max_codepoint=127), max_size=12),
        st.sampled_from(["docomo.ne.jp", "a.b"]),
    ),
)


@given(_LINES)
def test_whatever_is_accepted_is_printable_and_reads_back_as_itself(line: str) -> None:
    try:
        address, parameters = parse_path(line)
    except AddressInvalid as refusal:
        assert refusal.reason  # noqa: PT017  (either way is right)
        return
    if address is None:
        assert line.lstrip(" ").startswith("<>")
        return
    for quoted in (False, True):
        written = address.wire(quoted=quoted)
        assert written.isascii()
        assert all(32 <= ord(character) < 127 for character in written)
        assert parse_path(f"<{written}> {parameters}") == (address, parameters)


@given(_LINES)
def test_what_is_kept_sealed_reads_back_as_the_same_address(line: str) -> None:
    """The relay opens the canonical form and parses it: a form it cannot read is a lost guardian."""
    try:
        address, _ = parse_path(line)
    except AddressInvalid:
        return
    if address is not None:
        assert parse(address.canonical) == address
        assert read(address.canonical) == address


@pytest.mark.parametrize("odd", ODD)
def test_addresses_that_carriers_issued_against_the_rules_are_kept_as_they_are(odd: str) -> None:
    address, _ = parse_path(f"<{odd}>")
    assert (address.canonical, address.wire()) == (odd, odd)


@pytest.mark.parametrize(
    ("odd", "quoted"),
    [
        ("a..b@docomo.ne.jp", '"a..b"@docomo.ne.jp'),
        (".ab@ezweb.ne.jp", '".ab"@ezweb.ne.jp'),
        ("ab.@docomo.ne.jp", '"ab."@docomo.ne.jp'),
        ("plain.name@docomo.ne.jp", "plain.name@docomo.ne.jp"),
    ],
)
def test_a_site_that_wants_quotes_gets_them_only_where_they_are_needed(odd: str, quoted: str) -> None:
    assert parse(odd).wire(quoted=True) == quoted


def test_quotes_around_an_odd_address_are_the_same_mailbox() -> None:
    bare, dressed = parse("a..b@docomo.ne.jp"), parse('"a..b"@DOCOMO.ne.jp')
    assert bare == dressed
    assert bare.index_form == dressed.index_form


@pytest.mark.parametrize("text", ['"hana ko"@x.jp', '"a@b"@x.jp', r'"a\"b\\"@x.jp', '"<a>"@x.jp'])
def test_an_address_that_needs_its_quotes_keeps_them(text: str) -> None:
    assert parse(text).canonical == text
    assert parse(text).wire() == text


@pytest.mark.parametrize(
    "argument",
    [
        "<=?utf-8?q?a=0d=0aRCPT_TO:=3cvictim@x.jp=3e?=@x.jp>",
        "<=?utf-8?b?YQ0KUkNQVA==?=@x.jp\r\nRCPT TO:<victim@x.jp>>",
        "<a@x.jp\r\nDATA>",
        "<a@x.jp>\r\nRCPT TO:<b@x.jp>",
        '<"a\r\nb"@x.jp>',
        "<a\0@x.jp>",
    ],
)
def test_an_address_never_becomes_a_second_command(argument: str) -> None:
    """Encoded words are letters like others here; control bytes are refused."""
    try:
        address, _ = parse_path(argument)
    except AddressInvalid:
        return
    assert "=?" in address.local
    assert not set(address.wire()) & {"\r", "\n", "\0", ">"}


@pytest.mark.parametrize(
    "argument",
    ["hanako@docomo.ne.jp", "hanako", "<hanako>", "<hanako@localhost>", "<@docomo.ne.jp>", "<a@[127.0.0.1]>",
     "<a@x.jp", "<a b@x.jp>", "<a@x..jp>", "<a@-x.jp>", "<a@x.jp>SIZE=1", "<a@x.123>", "<花子@x.jp>",
     "<(note)a@x.jp>", "<,@x.jp:a@y.jp>", '<""@x.jp>', "< a@x.jp>", "<a@x.jp >", ""],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(argument: str) -> None:
    with pytest.raises(AddressInvalid) as refusal:
        parse_path(argument)
    assert "hanako" not in str(refusal.value)


def test_lengths_are_those_of_smtp() -> None:
    assert parse("a" * 64 + "@x.jp")
    with pytest.raises(AddressInvalid, match="64 octets"):
        parse("a" * 65 + "@x.jp")
    label = "d" * 60 + "."
    with pytest.raises(AddressInvalid, match="254 octets"):
        parse("a" * 64 + "@" + label * 3 + "example")


def test_the_null_path_is_nobody_and_keeps_its_parameters() -> None:
    assert parse_path("<> SIZE=1000 BODY=8BITMIME") == (None, "SIZE=1000 BODY=8BITMIME")


def test_a_source_route_is_walked_past() -> None:
    address, parameters = parse_path("<@relay.example,@b.example:hanako@docomo.ne.jp> SIZE=5")
    assert (address.canonical, parameters) == ("hanako@docomo.ne.jp", "SIZE=5")


def test_a_japanese_domain_is_kept_as_the_dns_knows_it() -> None:
    assert parse("hanako@例え.jp").domain == "xn--r8jz45g.jp"


def test_capitals_find_the_same_guardian_again() -> None:
    assert parse("Hanako@DoCoMo.ne.jp").index_form == parse("hanako@docomo.ne.jp").index_form
    assert parse("Hanako@DoCoMo.ne.jp").canonical == "Hanako@docomo.ne.jp"


def test_an_address_printed_by_mistake_is_masked() -> None:
    address = parse("hanako@docomo.ne.jp")
    assert f"{address} {address!r}" == "h***@docomo.ne.jp Address(h***@docomo.ne.jp)"


@pytest.mark.parametrize(
    "hostile",
    ["<" + '"' + "\\" * 500_000, "<" + "a." * 500_000, "<" + "@a.jp," * 150_000, "<a@" + "a." * 500_000 + ">",
     '<"' + "a" * 1_000_000, "<" + "@" * 1_000_000, " " * 1_000_000, "<a@" + "é" * 500_000 + ".jp>"],
)  # fmt: skip
def test_hostile_lines_cost_no_more_than_their_length(hostile: str) -> None:
    """Quadratic work on a megabyte would take minutes; linear work takes well under a second."""
    started = time.process_time()
    with pytest.raises(AddressInvalid):
        parse_path(hostile)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("domain", "carrier"),
    [
        ("docomo.ne.jp", Carrier.DOCOMO),
        ("ezweb.ne.jp", Carrier.AU),
        ("au.com", Carrier.AU),
        ("t.vodafone.ne.jp", Carrier.SOFTBANK),
        ("notdocomo.ne.jp", Carrier.OTHER),
        ("docomo.ne.jp.evil.example", Carrier.OTHER),
    ],
)
def test_the_domain_tells_the_carrier(domain: str, carrier: Carrier) -> None:
    assert carrier_of(domain) is carrier
