"""Where a domain's mail goes (RFC 5321 5.1, RFC 7505).

Owns the way from a domain to hosts to try, in order, and the name of the receiving site: domains whose mail
goes to the same hosts are one site. The carrier is read from the hosts first, so that a domain hosted by
Google is treated as Google, and a stranger whose MX is docomo's does not change how docomo is treated.
Refuses targets that are ours, private, loopback or link-local (`smtp.targets`), unless the configuration
opens them for a lab. IPv6 only where `relay.ip_families` has it. Fails with `NoRoute`, whose outcome says
whether asking again makes sense.
"""

import asyncio
import math
import random
from dataclasses import dataclass

from appliance import clock
from appliance.address import Carrier, carrier_of
from appliance.config.schema import Relay
from appliance.delivery.outcome import Outcome
from smtp import verdict
from smtp.resolver import Addresses, NoAnswer, NoSuchDomain, Resolver
from smtp.targets import refusal
from smtp.terms import Target
from smtp.transport.https import Https
from smtp.transport.policies import Policies, Terms
from smtp.transport.policy import Policy
from smtp.transport.store import NoStore
from smtp.transport.tally import Tally
from smtp.transport.tlsa import DANE_TA

_KNOWN_MAX = 50  # of more MX hosts than these nothing is known
_HOSTS_MAX = 10  # so many are looked up
_TARGETS_MAX = 10
_FIND_S = 20.0  # a stranger's slow name servers may hold up his own mail for so long
_TTL_MIN_S = 60.0

# Mail hosts under other names than the mailboxes'.
_CARRIER_OF_HOSTS = {
    "google.com": Carrier.GOOGLE,
    "googlemail.com": Carrier.GOOGLE,
    "apple.com": Carrier.APPLE,
    "kddi.com": Carrier.AU,
}
_SECOND_LEVELS = frozenset(
    {"ac", "ad", "co", "com", "ed", "edu", "go", "gov", "gr", "lg", "ne", "net", "or", "org"}
)


@dataclass(frozen=True, slots=True)
class Route:
    """Hosts in the order of trying, and the site that they are. Good until `expires_at_s` (monotonic).

    `operator` names who runs the hosts: the carrier, or their registrable names. `pool` names what may share
    connections: the site, and the domain as well where it has terms of its own (an MTA-STS policy, the wish
    for reports). `report_to` is the domain for which sessions are counted, or "".
    """

    site: str
    carrier: Carrier
    targets: tuple[Target, ...]
    expires_at_s: float
    operator: str = ""
    pool: str = ""
    report_to: str = ""


class _Unlisted(Exception):
    """The domain's policy does not list this host (RFC 8461 4.1)."""


class NoRoute(Exception):
    """Mail for this domain cannot be delivered, or not now. `enhanced` is the RFC 3463 code."""

    def __init__(self, enhanced: str, *, permanent: bool, outcome: Outcome | None = None) -> None:
        super().__init__(enhanced)
        self.permanent = permanent
        self.enhanced = enhanced
        self.outcome = outcome or verdict.of_no_route(permanent=permanent, enhanced=enhanced)


class Router:
    """Finds routes through the configured resolvers.

    `hostname` is our own name: an MX of that name, or at its addresses, would bring the mail back to us.
    """

    def __init__(self, relay: Relay, hostname: str = "", policies: Policies | None = None) -> None:
        self._policies = policies or _without_memory(relay)
        self._resolver = self._policies.resolver
        self._families = tuple(relay.ip_families)
        self._port = relay.smtp_port
        self._private = relay.allow_private_targets
        self._hostname = hostname
        self._own = frozenset({relay.source_address, relay.source_address_ipv6} - {""})

    async def find(self, domain: str) -> Route:
        """The route of a (lower-case) domain. Raises `NoRoute`."""
        try:
            async with asyncio.timeout(_FIND_S):
                return await self._find(domain)
        except NoSuchDomain:
            raise NoRoute("5.1.2", permanent=True) from None
        except (NoAnswer, TimeoutError):
            raise NoRoute("4.4.3", permanent=False) from None

    async def _find(self, domain: str) -> Route:
        terms = asyncio.create_task(self._policies.terms(domain))  # while the hosts are looked up
        try:
            mx = await self._resolver.mx(domain)
            if mx.pairs and not any(host for _, host in mx.pairs):
                raise NoRoute("5.1.10", permanent=True)  # RFC 7505: accepts no mail
            hosts = self._before_ours(_known(mx.pairs) or [(0, domain)])  # RFC 5321 5.1: implicit MX
            carrier, operator = _operator(domain, hosts)
            targets, ttl_s = await self._targets(_in_order(hosts), carrier, terms, mx_secure=mx.secure)
            wants = await terms
        finally:
            terms.cancel()
        site = "+".join(sorted({host for _, host in hosts}))
        return Route(
            site=site,
            carrier=carrier,
            targets=targets,
            expires_at_s=clock.monotonic() + max(min(mx.ttl_s, ttl_s), _TTL_MIN_S),
            operator=operator,
            pool=f"{site} for {domain}" if wants.are_its_own or _names(targets, domain) else site,
            report_to=wants.report_to,
        )

    def _before_ours(self, pairs: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Where we are an MX ourselves, only better ones are ways on (RFC 5321 5.1)."""
        ours = min((preference for preference, host in pairs if host == self._hostname), default=None)
        better = [pair for pair in pairs if ours is None or pair[0] < ours]
        if not better:
            raise NoRoute("5.4.6", permanent=True)
        return better

    async def _targets(
        self, hosts: list[str], carrier: Carrier, terms: "asyncio.Task[Terms]", *, mx_secure: bool
    ) -> tuple[tuple[Target, ...], float]:
        """And for how many seconds they hold. Raises `NoRoute` where mail may go to no host."""
        own = self._own | await self._own_addresses()
        answers = await asyncio.gather(
            *(self._host(host, terms, own, mx_secure=mx_secure) for host in hosts), return_exceptions=True
        )
        targets: list[Target] = []
        least_s = math.inf
        for host, answer in zip(hosts, answers, strict=True):
            if isinstance(answer, BaseException):
                if not isinstance(answer, (NoSuchDomain, NoAnswer, _Unlisted)):
                    raise answer
                continue
            ips, policy, ttl_s = answer
            targets += [Target(host, ip, self._port, carrier, policy) for ip in ips]
            least_s = min(least_s, ttl_s)
        if targets:
            return tuple(targets[:_TARGETS_MAX]), least_s
        if any(isinstance(answer, _Unlisted) for answer in answers):
            outcome = verdict.of_insecure()
            raise NoRoute(outcome.enhanced, permanent=False, outcome=outcome)
        if any(isinstance(answer, NoAnswer) for answer in answers):
            raise NoAnswer
        raise NoRoute("5.4.4", permanent=True)

    async def _host(
        self, host: str, terms: "asyncio.Task[Terms]", own: frozenset[str], *, mx_secure: bool
    ) -> tuple[list[str], Policy, float]:
        """Addresses, policy and for how long. Raises `NoSuchDomain`, `NoAnswer`, `_Unlisted`."""
        found = await self._addresses(host)
        permitted = [ip for ip in found.ips if self._private or refusal(ip, own) is None]
        if not permitted:
            raise NoSuchDomain
        policy, ttl_s = await self._policies.of_host(host, found, await terms, mx_secure=mx_secure)
        if policy is None:
            raise _Unlisted
        return self._shuffled(permitted), policy, ttl_s

    async def _addresses(self, host: str) -> Addresses:
        return await self._resolver.addresses(host, self._families)

    def _shuffled(self, ips: list[str]) -> list[str]:
        """One family after the other, as configured; within each at random."""
        return sorted(random.sample(ips, len(ips)), key=lambda ip: self._families.index(_family(ip)))

    async def _own_addresses(self) -> frozenset[str]:
        if not self._hostname or self._private:
            return frozenset()
        try:
            return frozenset((await self._addresses(self._hostname)).ips)
        except (NoSuchDomain, NoAnswer):
            return frozenset()


def _without_memory(relay: Relay) -> Policies:
    """For a single look: nothing of what is fetched or counted is kept."""
    resolver = Resolver(relay.nameservers, trusted=relay.nameservers_trusted)
    https = Https(
        resolver,
        ca_file=relay.ca_file,
        families=relay.ip_families,
        allow_private=relay.allow_private_targets,
    )
    return Policies(resolver, https, NoStore(), Tally(), port=relay.smtp_port)


def _known(pairs: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The best ones of however many a stranger lists. A "." among others is no host."""
    return sorted({pair for pair in pairs if pair[1]})[:_KNOWN_MAX]


def _in_order(pairs: list[tuple[int, str]]) -> list[str]:
    """By preference; equal ones shuffled (RFC 5321 5.1); a host once; no more than are looked up."""
    shuffled = random.sample(pairs, len(pairs))
    hosts = dict.fromkeys(host for _, host in sorted(shuffled, key=lambda pair: pair[0]))
    return list(hosts)[:_HOSTS_MAX]


def _operator(domain: str, hosts: list[tuple[int, str]]) -> tuple[Carrier, str]:
    names = sorted({_registrable(host) for _, host in hosts})
    carriers = {_CARRIER_OF_HOSTS.get(name) or carrier_of(name) for name in names}
    carrier = carriers.pop() if len(carriers) == 1 else Carrier.OTHER
    if carrier is Carrier.OTHER:
        carrier = carrier_of(domain)
    return carrier, "+".join(names) if carrier is Carrier.OTHER else carrier.value


def _names(targets: tuple[Target, ...], domain: str) -> bool:
    """Whether a certificate may name the domain instead of the host (DANE-TA)."""
    return any(r.usage == DANE_TA and domain in t.policy.names for t in targets for r in t.policy.tlsa)


def _family(ip: str) -> str:
    return "ipv6" if ":" in ip else "ipv4"


def _registrable(host: str) -> str:
    """The part that somebody bought, nearly: no list of all suffixes of the world for a name of a group."""
    labels = host.split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    return ".".join(labels[-3:] if country else labels[-2:])
