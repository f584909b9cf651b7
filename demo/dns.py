"""The town's DNS: an authoritative answer source on loopback, over UDP and TCP.

Owns the records of the carriers and of the ward, as a master file that `demo.town` writes, and answering
from it: the relay finds carriers, and carriers find the ward, exactly as on the internet. Names that nobody
here owns do not exist (NXDOMAIN). Refuses recursion and updates. A malformed query gets no answer.
`python -m demo.dns` serves until SIGTERM.
"""

import asyncio
import signal
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile

from appliance.keys.signing import SigningKey
from demo import places as town
from demo.carriers.brands import BRANDS, Brand
from demo.places import LOOPBACK, Places

_TTL_S = 60
_UDP_OCTETS = 1232  # the DNS flag day's limit
_CNAMES_MAX = 8

Records = dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset]


def carriers_zone(brands: Iterable[Brand] = BRANDS) -> str:
    """The records of carriers."""
    lines = []
    for brand in brands:
        for domain in brand.domains:
            lines += [f"{domain}. IN MX {10 + 10 * place} {host}." for place, host in enumerate(brand.mx)]
            lines += [
                f'{domain}. IN TXT "v=spf1 ip4:{brand.ip} -all"',
                f'_dmarc.{domain}. IN TXT "v=DMARC1; p=none"',
            ]
        lines += [f"{host}. IN A {brand.ip}" for host in brand.mx]
        lines.append(f"{_reverse(brand.ip)} IN PTR {brand.mx[0]}.")
    return "\n".join(lines) + "\n"


def master_file(dkim_keys: Sequence[SigningKey]) -> str:
    """Every record of the town. The public halves of all `dkim_keys` are published."""
    lines = []
    for domain in (town.REGISTRATION_DOMAIN, town.BOUNCE_DOMAIN, town.FROM_DOMAIN):
        lines += [
            f"{domain}. IN MX 10 {town.MAIL_HOST}.",
            f'{domain}. IN TXT "v=spf1 a:{town.MAIL_HOST} -all"',
            f'_dmarc.{domain}. IN TXT "v=DMARC1; p=reject; adkim=r; aspf=r"',
        ]
    lines += [
        f"{town.MAIL_HOST}. IN A {LOOPBACK}",
        f'{town.MAIL_HOST}. IN TXT "v=spf1 a -all"',
        f"{_reverse(LOOPBACK)} IN PTR {town.MAIL_HOST}.",
        *(f"{key.name(town.FROM_DOMAIN)}. IN TXT {_strings(key.record())}" for key in dkim_keys),
    ]
    return carriers_zone() + "\n".join(lines) + "\n"


def _reverse(ip: str) -> str:
    return ".".join(reversed(ip.split("."))) + ".in-addr.arpa."


def _strings(text: str) -> str:
    """A TXT record in strings of at most 255 octets (RFC 1035 3.3)."""
    return " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))


def read(path: Path) -> Records:
    """The records of a master file."""
    return records(path.read_text(encoding="ascii"))


def records(text: str) -> Records:
    """The records of a master file's text."""
    sets = dns.zonefile.read_rrsets(
        text,
        rdclass=None,
        origin=dns.name.root,
        relativize=False,
        default_ttl=_TTL_S,
    )
    return {(found.name, found.rdtype): found for found in sets}


def answer(records: Records, wire: bytes, *, longest: int = 65_535) -> bytes | None:
    """The answer to one query, or None for what is not a query at all."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR:
        return None
    response = dns.message.make_response(query, recursion_available=True)
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP)
        return response.to_wire()
    asked = query.question[0]
    name = dns.name.Name(tuple(label.lower() for label in asked.name.labels))
    response.flags |= dns.flags.AA
    found = None
    if asked.rdclass == dns.rdataclass.IN:
        name = _followed(records, name, asked.rdtype, response)
        found = records.get((name, asked.rdtype))
    if found is not None:
        response.answer.append(found)
    elif not any(known.is_subdomain(name) for known, _ in records):  # parents of names exist (RFC 8020)
        response.set_rcode(dns.rcode.NXDOMAIN)
    if found is None:
        soa = f"ns.{town.WARD_DOMAIN}. hostmaster.{town.WARD_DOMAIN}. 1 3600 600 86400 60"
        response.authority.append(dns.rrset.from_text(".", 60, "IN", "SOA", soa))
    try:
        return response.to_wire(max_size=longest)
    except dns.exception.TooBig:
        short = dns.message.make_response(query, recursion_available=True)
        short.flags |= dns.flags.AA | dns.flags.TC
        return short.to_wire()


def _followed(
    records: Records, name: dns.name.Name, kind: dns.rdatatype.RdataType, response: dns.message.Message
) -> dns.name.Name:
    """The name at the end of its CNAMEs, each of which belongs to the answer (RFC 1034 4.3.2)."""
    while kind != dns.rdatatype.CNAME and len(response.answer) < _CNAMES_MAX:
        alias = records.get((name, dns.rdatatype.CNAME))
        if alias is None:
            break
        response.answer.append(alias)
        name = alias[0].target
    return name


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, reply_to: Callable[[bytes, int], bytes | None]) -> None:
        self._reply_to = reply_to

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        reply = self._reply_to(data, _UDP_OCTETS if _has_edns(data) else 512)
        if reply is not None:
            self._transport.sendto(reply, peer)


def _asks_about(domains: set[str], wire: bytes) -> bool:
    try:
        asked = dns.message.from_wire(wire).question[0].name
    except (dns.exception.DNSException, IndexError):
        return False
    return any(asked.is_subdomain(dns.name.from_text(domain)) for domain in domains)


def _has_edns(wire: bytes) -> bool:
    """Whether the query has an additional record, which in a query is EDNS (RFC 6891)."""
    return len(wire) >= 12 and wire[10:12] != b"\0\0"


class Nameserver:
    """`async with Nameserver(records, port)`: answers on `address`, UDP and TCP. OSError if it is taken.

    Domains in `failing` and all below them get SERVFAIL, those in `silent` no answer at all.
    """

    def __init__(self, records: Records, port: int, *, address: str = LOOPBACK) -> None:
        self.records = records
        self._address = address
        self._port = port
        self.failing: set[str] = set()
        self.silent: set[str] = set()

    def _reply(self, wire: bytes, longest: int) -> bytes | None:
        if self.silent and _asks_about(self.silent, wire):
            return None
        if self.failing and _asks_about(self.failing, wire):
            response = dns.message.make_response(dns.message.from_wire(wire))
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        return answer(self.records, wire, longest=longest)

    async def __aenter__(self) -> "Nameserver":
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Udp(self._reply), local_addr=(self._address, self._port)
        )
        self._tcp = await asyncio.start_server(self._conversation, self._address, self._port)
        return self

    async def _conversation(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(10):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    query = await reader.readexactly(length)
                reply = self._reply(query, 65_535)
                if reply is None:
                    break
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    async def __aexit__(self, *_error: object) -> None:
        self._udp.close()
        self._tcp.close()


async def serve(places: Places) -> None:
    """Until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Nameserver(read(places.zone_file), places.dns_port):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(Places.from_environment()))
