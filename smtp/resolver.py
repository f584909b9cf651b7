"""DNS through the configured resolvers, and no others.

Owns the questions (MX, A, AAAA) and the difference between "there is none" and "nobody answered". Refuses
the system's resolver: where mail goes is decided by the validating resolver on this node. Fails with
`NoSuchDomain`, which is final, and `NoAnswer`, which is not.
"""

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
from dns.rdatatype import RdataType

_TIMEOUT_S = 4.0
_LIFETIME_S = 10.0
_CACHE_SIZE = 5000


class NoSuchDomain(Exception):
    """The domain does not exist (NXDOMAIN)."""


class NoAnswer(Exception):
    """SERVFAIL, a timeout, or nonsense: ask again later."""


class Resolver:
    """Asks `nameservers` (host:port), keeping answers for as long as their TTL says."""

    def __init__(self, nameservers: list[str]) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [_nameserver(text) for text in nameservers]
        self._resolver.timeout = _TIMEOUT_S
        self._resolver.lifetime = _LIFETIME_S
        self._resolver.cache = dns.resolver.LRUCache(_CACHE_SIZE)

    async def _ask(self, name: str, kind: RdataType) -> dns.resolver.Answer:
        try:
            return await self._resolver.resolve(name + ".", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            raise NoSuchDomain(name) from None
        except dns.exception.DNSException as error:
            raise NoAnswer(type(error).__name__) from None

    async def mx(self, domain: str) -> tuple[list[tuple[int, str]], float]:
        """(preference, host) pairs, possibly none, and their TTL in seconds. CNAMEs are followed."""
        answer = await self._ask(domain, RdataType.MX)
        pairs = [(rdata.preference, _name(rdata.exchange)) for rdata in answer.rrset or ()]
        return pairs, float(answer.rrset.ttl if answer.rrset else 300)

    async def addresses(self, host: str, *, ipv6: bool = False) -> list[str]:
        """The host's IPv4 addresses, and its IPv6 ones if asked for; none where there are none."""
        found: list[str] = []
        for kind in (RdataType.A, RdataType.AAAA) if ipv6 else (RdataType.A,):
            answer = await self._ask(host, kind)
            found += [rdata.address for rdata in answer.rrset or ()]
        return found


def _name(name: object) -> str:
    return str(name).rstrip(".").lower()


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    host, _, port = text.rpartition(":")
    return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
