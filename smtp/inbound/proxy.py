"""The PROXY protocol, versions 1 and 2: whom the balancer is speaking for.

Owns the grammar of the header (haproxy's proxy-protocol.txt) and nothing else; strict and linear, so that one
header has one meaning. Only a peer in `mail.balancers` is asked for one. aiosmtpd's reader is not used: it
takes numbers such as `1_0` for ports, reads a version 2 header of any announced length, and answers errors by
dropping the connection without a word. Refuses TLVs any meaning. Fails with `HeaderInvalid`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

HEADER_S = 5.0  # the header is the first thing a balancer sends, before any byte of the client
_V1_OCTETS = 107  # section 2.1: the longest line, with its CRLF
_V1_BEGINNING = b"PROXY "
_V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_FIXED = 16
_V2_OCTETS = 1024  # addresses and TLVs; haproxy's own come nowhere near
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_V2_TCP4, _V2_TCP6 = 0x11, 0x21
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")

Network = IPv4Network | IPv6Network


class HeaderInvalid(Exception):
    """What came first is no PROXY header."""


@dataclass(frozen=True, slots=True)
class Header:
    """`source` is the client's address; None where the balancer speaks for itself (its health check)."""

    source: str | None
    octets: int  # how long the header was


def read(beginning: bytes) -> Header | None:
    """The header at the start of a connection; None while it is not whole. Raises `HeaderInvalid`."""
    if beginning.startswith(_V2_SIGNATURE):
        return _version_2(beginning)
    if beginning.startswith(_V1_BEGINNING):
        return _version_1(beginning)
    if _V2_SIGNATURE.startswith(beginning) or _V1_BEGINNING.startswith(beginning):
        return None
    raise HeaderInvalid


def is_balancer(host: str, balancers: Sequence[Network]) -> bool:
    """Whether a peer is one of those that speak for others."""
    if not balancers:
        return False
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return any(address in network for network in balancers)


def _version_1(beginning: bytes) -> Header | None:
    end = beginning.find(b"\r\n", 0, _V1_OCTETS)
    if end < 0:
        if len(beginning) >= _V1_OCTETS or b"\n" in beginning:
            raise HeaderInvalid
        return None
    try:
        words = beginning[:end].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise HeaderInvalid from None
    if not beginning[:end].decode("ascii").isprintable():
        raise HeaderInvalid
    octets = end + 2
    if words[1] == "UNKNOWN":  # the rest of the line means nothing (section 2.1)
        return Header(None, octets)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise HeaderInvalid
    kind = IPv4Address if words[1] == "TCP4" else IPv6Address
    _, _, source, target, *ports = words
    try:
        kind(target)
        address = kind(source)
    except ValueError:
        raise HeaderInvalid from None
    if "%" in source or not all(_PORT.fullmatch(port) and int(port) < 65536 for port in ports):
        raise HeaderInvalid
    return Header(str(address), octets)


def _version_2(beginning: bytes) -> Header | None:
    if len(beginning) < _V2_FIXED:
        return None
    command, family = beginning[12], beginning[13]
    length = int.from_bytes(beginning[14:16], "big")
    if command not in (_V2_LOCAL, _V2_PROXY) or length > _V2_OCTETS:
        raise HeaderInvalid
    if len(beginning) < _V2_FIXED + length:
        return None
    octets = _V2_FIXED + length
    if command == _V2_LOCAL:
        return Header(None, octets)
    content = beginning[_V2_FIXED:octets]
    if family == _V2_TCP4 and length >= 12:
        return Header(str(IPv4Address(content[:4])), octets)
    if family == _V2_TCP6 and length >= 36:
        return Header(str(IPv6Address(content[:16])), octets)
    raise HeaderInvalid
