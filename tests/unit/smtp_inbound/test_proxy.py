"""The PROXY header: one meaning or none."""

import ipaddress
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.inbound.proxy import HeaderInvalid, is_balancer, read

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PORTS = st.integers(0, 65535)


def version_2(command: int, family: int, content: bytes, *, length: int | None = None) -> bytes:
    return (
        SIGNATURE + struct.pack("!BBH", command, family, len(content) if length is None else length) + content
    )


@given(st.ip_addresses(), st.ip_addresses(), PORTS, PORTS, st.binary(max_size=40))
def test_what_a_balancer_writes_is_read_back(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address,
    target: ipaddress.IPv4Address | ipaddress.IPv6Address,
    port: int,
    other: int,
    rest: bytes,
) -> None:
    if source.version != target.version:
        target = source
    line = f"PROXY TCP{source.version} {source} {target} {port} {other}\r\n".encode()
    binary = version_2(
        0x21, 0x11 if source.version == 4 else 0x21,
        source.packed + target.packed + struct.pack("!HH", port, other),
    )  # fmt: skip
    for header in (line, binary):
        found = read(header + rest)
        assert found is not None
        assert (found.source, found.octets) == (str(source), len(header))
        assert all(read(header[:cut]) is None for cut in range(1, len(header)))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: SIGNATURE + tail))
def test_any_bytes_are_a_header_the_beginning_of_one_or_refused(octets: bytes) -> None:
    try:
        found = read(octets)
    except HeaderInvalid:
        return
    assert found is None or found.octets <= len(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO x\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.8 51234 25\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.8 51234 25 x\r\n",
        b"PROXY TCP4 203.0.113.7  192.0.2.8 51234 25\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.8 51234 65536\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.8 1_0 25\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.8 +1 25\r\n",
        b"PROXY TCP4 203.0.113.07 192.0.2.8 1 25\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 25\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::2 1 25\r\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.8 1 25\r\n",
        b"PROXY UNKNOWN \x00\r\n",
        b"PROXY \xef\xbc\x94\r\n",
        b"PROXY " + b"x" * 101,
        version_2(0x11, 0x11, bytes(12)),
        version_2(0x22, 0x11, bytes(12)),
        version_2(0x21, 0x12, bytes(12)),
        version_2(0x21, 0x31, bytes(216)),
        version_2(0x21, 0x11, bytes(11)),
        version_2(0x21, 0x21, bytes(35)),
        version_2(0x21, 0x11, b"", length=0xFFFF),
    ],
)
def test_refused(octets: bytes) -> None:
    with pytest.raises(HeaderInvalid):
        read(octets)


@pytest.mark.parametrize(
    "octets", [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN x y\r\n", version_2(0x20, 0, b"tlv")]
)
def test_the_balancer_for_itself(octets: bytes) -> None:
    found = read(octets)
    assert found is not None
    assert (found.source, found.octets) == (None, len(octets))


def test_only_configured_networks_are_balancers() -> None:
    ours = [ipaddress.ip_network("192.0.2.8/32"), ipaddress.ip_network("2001:db8::/64")]
    assert is_balancer("192.0.2.8", ours)
    assert is_balancer("::ffff:192.0.2.8", ours)
    assert is_balancer("2001:db8::5", ours)
    assert not is_balancer("192.0.2.9", ours)
    assert not is_balancer("local", ours)
    assert not is_balancer(socket.gethostname(), [])
