"""DNS through the configured resolvers, and no others.

Owns the questions (MX, A, AAAA, TXT, TLSA), following a CNAME that a server leaves to us, the answer over TCP
where UDP cut it off, and a cache that keeps what there is, and what there is not, as long as the TTL says,
within bounds of time and size. Says of each answer whether DNSSEC proved it: the AD bit, and only from
resolvers that can be believed, because anybody on the way can set a bit. Refuses the system's resolver: where
mail goes is decided by the validating resolver on this node. Fails with `NoSuchDomain`, which is final, and
`NoAnswer`, which is not; a domain whose DNSSEC is broken is a `NoAnswer` (SERVFAIL).
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdatatype import RdataType

from appliance import clock
from smtp.transport.tlsa import Record

TIMEOUT_S = 4.0  # for one server
LIFETIME_S = 10.0  # for one question
_CACHED_MAX = 10_000
_TTL_MIN_S, _TTL_MAX_S = 5.0, 3600.0
_NEGATIVE_TTL_S = 60.0  # there is no such record: at most so long (RFC 2308 would allow hours)
_CNAMES_MAX = 8
_FAMILIES = {"ipv4": RdataType.A, "ipv6": RdataType.AAAA}


class NoSuchDomain(Exception):
    """The domain does not exist (NXDOMAIN), or its name is none."""


class NoAnswer(Exception):
    """SERVFAIL, a timeout, or nonsense: ask again later."""


class MailHosts(NamedTuple):
    """(preference, host) pairs, possibly none; a null MX (RFC 7505) has the host ""."""

    pairs: list[tuple[int, str]]
    ttl_s: float
    secure: bool


class Addresses(NamedTuple):
    """A host's addresses, in the order of the families asked for; `canonical` is its name after CNAMEs."""

    ips: list[str]
    secure: bool
    canonical: str


class TlsaRecords(NamedTuple):
    """What a host publishes for DANE; worthless unless `secure`."""

    records: tuple[Record, ...]
    ttl_s: float
    secure: bool


@dataclass(frozen=True, slots=True)
class _Found:
    records: tuple[dns.rdata.Rdata, ...]  # none where the name exists without this type
    exists: bool
    secure: bool
    canonical: str
    expires_at_s: float  # monotonic

    @property
    def ttl_s(self) -> float:
        return max(0.0, self.expires_at_s - clock.monotonic())


class Resolver:
    """Asks `nameservers` (host:port), in this order.

    Their AD bit counts where all of them are on loopback, or where `trusted` says that the way to them is
    safe from others (RFC 6698 1.3, RFC 7672 2.2).
    """

    def __init__(
        self,
        nameservers: Sequence[str],
        *,
        trusted: bool = False,
        timeout_s: float = TIMEOUT_S,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [nameserver(text) for text in nameservers]
        self._resolver.timeout = timeout_s
        self._resolver.lifetime = lifetime_s
        self._resolver.use_edns(0, 0, 1232)  # DNS flag day 2020
        self._resolver.flags = dns.flags.RD | dns.flags.AD  # AD in a query asks for AD (RFC 6840 5.7)
        self._believed = trusted or all(_is_loopback(text) for text in nameservers)
        self._cache: OrderedDict[tuple[str, RdataType], _Found] = OrderedDict()

    async def mx(self, domain: str) -> MailHosts:
        """Raises `NoSuchDomain`, `NoAnswer`."""
        found = await self._find(domain, RdataType.MX)
        pairs = [(record.preference, _text(record.exchange)) for record in found.records]  # type: ignore[attr-defined]
        return MailHosts(pairs, found.ttl_s, found.secure)

    async def addresses(self, host: str, families: Iterable[str] = ("ipv4",)) -> Addresses:
        """The addresses of the families ("ipv4", "ipv6") that could be found out; possibly none.

        Raises `NoSuchDomain`, and `NoAnswer` where no family was answered with an address and one not at all.
        """
        kinds = [_FAMILIES[family] for family in families]
        answers = await asyncio.gather(*(self._find(host, kind) for kind in kinds), return_exceptions=True)
        found = [answer for answer in answers if isinstance(answer, _Found)]
        ips = [record.address for each in found for record in each.records]  # type: ignore[attr-defined]
        for answer in answers:
            if isinstance(answer, BaseException) and not (
                ips and isinstance(answer, (NoAnswer, NoSuchDomain))
            ):
                raise answer
        return Addresses(ips, all(each.secure for each in found), found[0].canonical)

    async def texts(self, name: str) -> list[str]:
        """The TXT records, each joined (RFC 1035 3.3.14); none where the name does not exist.

        Raises `NoAnswer`.
        """
        try:
            found = await self._find(name, RdataType.TXT)
        except NoSuchDomain:
            return []
        return [b"".join(record.strings).decode("latin-1") for record in found.records]  # type: ignore[attr-defined]

    async def tlsa(self, host: str, port: int) -> TlsaRecords:
        """The TLSA records of a TCP service. Raises `NoAnswer`."""
        try:
            found = await self._find(f"_{port}._tcp.{host}", RdataType.TLSA)
        except NoSuchDomain:
            return TlsaRecords((), 0.0, False)
        records = tuple(Record(each.usage, each.selector, each.mtype, each.cert) for each in found.records)  # type: ignore[attr-defined]
        return TlsaRecords(records, found.ttl_s, found.secure)

    async def _find(self, name: str, kind: RdataType) -> _Found:
        key = (name, kind)
        found = self._cache.get(key)
        if found is None or found.expires_at_s <= clock.monotonic():
            found = await self._ask(name, kind)
            self._cache[key] = found
            if len(self._cache) > _CACHED_MAX:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        if not found.exists:
            raise NoSuchDomain
        return found

    async def _ask(self, name: str, kind: RdataType) -> _Found:
        try:
            asked = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return _nothing(name, exists=False)
        secure = self._believed
        for _ in range(_CNAMES_MAX):
            try:
                answer = await self._resolver.resolve(asked, kind, raise_on_no_answer=False, search=False)
            except dns.resolver.NXDOMAIN as none:
                return _nothing(name, exists=False, ttl_s=_negative_ttl_s(none.response(asked)))  # type: ignore[no-untyped-call]
            except (dns.exception.DNSException, OSError, EOFError) as error:
                raise NoAnswer(type(error).__name__) from None
            secure = secure and bool(answer.response.flags & dns.flags.AD)
            canonical = answer.canonical_name
            if answer.rrset is not None:
                ttl_s = min(max(float(answer.chaining_result.minimum_ttl), _TTL_MIN_S), _TTL_MAX_S)
                records = tuple(answer.rrset)
                return _Found(records, True, secure, _text(canonical), clock.monotonic() + ttl_s)
            if canonical == asked:
                none_s = _negative_ttl_s(answer.response)
                return _nothing(_text(canonical), exists=True, secure=secure, ttl_s=none_s)
            asked = canonical
        raise NoAnswer("CNAME loop")


def _nothing(canonical: str, *, exists: bool, secure: bool = False, ttl_s: float = _NEGATIVE_TTL_S) -> _Found:
    return _Found((), exists, secure, canonical, clock.monotonic() + ttl_s)


def _negative_ttl_s(response: dns.message.Message) -> float:
    """For how long there is nothing: the lesser of the SOA's TTL and its minimum (RFC 2308 5), bounded."""
    for rrset in response.authority:
        if rrset.rdtype == RdataType.SOA:
            ttl_s = min(rrset.ttl, rrset[0].minimum)
            return min(max(float(ttl_s), _TTL_MIN_S), _NEGATIVE_TTL_S)
    return _TTL_MIN_S


def _text(name: object) -> str:
    return str(name).rstrip(".").lower()


def nameserver(text: str) -> dns.nameserver.Nameserver:
    """The resolver at `host:port`."""
    host, port = _host_and_port(text)
    return dns.nameserver.Do53Nameserver(host, port)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _is_loopback(text: str) -> bool:
    return ipaddress.ip_address(_host_and_port(text)[0]).is_loopback
