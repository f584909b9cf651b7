"""DNS through the configured resolvers, and no others.

Owns the questions (MX, A, AAAA), following a CNAME that a server leaves to us, and a cache that keeps what
there is, and what there is not, as long as the TTL says, within bounds of time and size. Refuses the system's
resolver: where mail goes is decided by the validating resolver on this node. Fails with `NoSuchDomain`, which
is final, and `NoAnswer`, which is not.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.resolver
from dns.rdatatype import RdataType

from appliance import clock

TIMEOUT_S = 4.0  # for one server
LIFETIME_S = 10.0  # for one question
_CACHED_MAX = 10_000
_TTL_MIN_S, _TTL_MAX_S = 5.0, 3600.0
_NEGATIVE_TTL_S = 60.0  # there is no such record: at most so long (RFC 2308 would allow hours)
_CNAMES_MAX = 8


class NoSuchDomain(Exception):
    """The domain does not exist (NXDOMAIN), or its name is none."""


class NoAnswer(Exception):
    """SERVFAIL, a timeout, or nonsense: ask again later."""


@dataclass(frozen=True, slots=True)
class _Found:
    records: tuple[dns.rdata.Rdata, ...]  # none where the name exists without this type
    exists: bool
    expires_at_s: float  # monotonic


class Resolver:
    """Asks `nameservers` (host:port), in this order."""

    def __init__(
        self, nameservers: Sequence[str], *, timeout_s: float = TIMEOUT_S, lifetime_s: float = LIFETIME_S
    ) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [nameserver(text) for text in nameservers]
        self._resolver.timeout = timeout_s
        self._resolver.lifetime = lifetime_s
        self._resolver.use_edns(0, 0, 1232)  # DNS flag day 2020
        self._cache: OrderedDict[tuple[str, RdataType], _Found] = OrderedDict()

    async def mx(self, domain: str) -> tuple[list[tuple[int, str]], float]:
        """(preference, host) pairs, possibly none, and for how many seconds they hold.

        A null MX (RFC 7505) has the host "". Raises `NoSuchDomain`, `NoAnswer`.
        """
        found = await self._find(domain, RdataType.MX)
        pairs = [(record.preference, _text(record.exchange)) for record in found.records]  # type: ignore[attr-defined]
        return pairs, max(0.0, found.expires_at_s - clock.monotonic())

    async def addresses(self, host: str, *, ipv6: bool = False) -> list[str]:
        """The host's IPv4 addresses, and its IPv6 ones if asked for; none where there are none.

        Raises `NoSuchDomain`, `NoAnswer`.
        """
        texts: list[str] = []
        for kind in (RdataType.A, RdataType.AAAA) if ipv6 else (RdataType.A,):
            found = await self._find(host, kind)
            texts += [record.address for record in found.records]  # type: ignore[attr-defined]
        return texts

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
            return _nothing(exists=False)
        for _ in range(_CNAMES_MAX):
            try:
                answer = await self._resolver.resolve(asked, kind, raise_on_no_answer=False, search=False)
            except dns.resolver.NXDOMAIN:
                return _nothing(exists=False)
            except (dns.exception.DNSException, OSError, EOFError) as error:
                raise NoAnswer(type(error).__name__) from None
            if answer.rrset is not None:
                ttl_s = min(max(float(answer.chaining_result.minimum_ttl), _TTL_MIN_S), _TTL_MAX_S)
                return _Found(tuple(answer.rrset), True, clock.monotonic() + ttl_s)
            if answer.canonical_name == asked:
                return _nothing(exists=True)
            asked = answer.canonical_name
        raise NoAnswer("CNAME loop")


def _nothing(*, exists: bool) -> _Found:
    return _Found((), exists, clock.monotonic() + _NEGATIVE_TTL_S)


def _text(name: object) -> str:
    return str(name).rstrip(".").lower()


def nameserver(text: str) -> dns.nameserver.Nameserver:
    """The resolver at `host:port`."""
    host, _, port = text.rpartition(":")
    return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
