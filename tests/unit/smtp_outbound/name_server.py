"""A name server on loopback, over UDP and TCP, with the habits of good and bad ones.

Records are lines of a master file. Names in `servfail` are refused for now, those in `silent` get no answer;
where `short_udp` is set, UDP answers are cut off so that the client has to come back over TCP. CNAMEs are
answered alone where `lazy` is set, as a server does that leaves the rest to the client. Questions about names
in `secure` are answered with the AD bit, as a validating resolver does, if the client asks for it. What is
not there comes with an SOA that says for how long (`negative_ttl_s`). All of it may be changed meanwhile.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import dns.zonefile

SOA = "@ 60 IN SOA ns.root. x.root. 1 60 60 60 60\n@ 60 IN NS ns.root.\n"


@dataclass
class NameServer:
    records: str
    servfail: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    short_udp: bool = False
    lazy: bool = False
    secure: frozenset[str] = frozenset()
    negative_ttl_s: int | None = None
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    port: int = 0

    def answer(self, wire: bytes, *, over_udp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked[name, dns.rdatatype.to_text(question.rdtype)] += 1
        if name in self.silent:
            return None
        reply = dns.message.make_response(query)
        if name in self.servfail:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif over_udp and self.short_udp:
            reply.flags |= dns.flags.TC
        else:
            self._fill(reply, question.name, question.rdtype)
            if query.flags & dns.flags.AD and name in self.secure:
                reply.flags |= dns.flags.AD
        if not reply.answer and self.negative_ttl_s is not None:
            soa = f"ns.root. x.root. 1 60 60 60 {self.negative_ttl_s}"
            reply.authority.append(dns.rrset.from_text(".", 3600, "IN", "SOA", soa))
        return reply.to_wire()

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        zone = dns.zone.from_text(SOA + self.records, origin=".", relativize=False, check_origin=False)
        if zone.get_node(name) is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return
        for _ in range(10):
            found = zone.get_rrset(name, kind)
            alias = zone.get_rrset(name, dns.rdatatype.CNAME)
            if found is not None:
                reply.answer.append(found)
            if found is not None or alias is None:
                return
            reply.answer.append(alias)
            if self.lazy:
                return
            name = alias[0].target


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := self._server.answer(data, over_udp=True)) is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def serving(server: NameServer) -> AsyncIterator[str]:
    """Serves until the block ends; gives host:port."""

    async def on_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (octets,) = struct.unpack("!H", await reader.readexactly(2))
        reply = server.answer(await reader.readexactly(octets), over_udp=False)
        if reply is not None:
            writer.write(struct.pack("!H", len(reply)) + reply)
        await writer.drain()
        writer.close()

    tcp = await asyncio.start_server(on_tcp, "127.0.0.1", 0)
    server.port = tcp.sockets[0].getsockname()[1]
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Udp(server), local_addr=("127.0.0.1", server.port)
    )
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        udp.close()
        tcp.close()
