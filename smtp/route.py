"""Where a domain's mail goes (RFC 5321 5.1, RFC 7505).

Owns the way from a domain to hosts to try, in order, and the name of the receiving site: domains whose mail
goes to the same hosts are one site. Refuses targets that are ours, private, loopback or link-local, unless
the configuration opens them for a lab: an attacker controls his own MX. Fails with `NoRoute`, whose outcome
says whether asking again makes sense.
"""

import ipaddress
import random
from dataclasses import dataclass

from appliance import clock
from appliance.address import Carrier, carrier_of
from appliance.config.schema import Relay
from appliance.delivery import Kind, Outcome, Reason
from smtp.resolver import NoAnswer, NoSuchDomain, Resolver
from smtp.terms import Target

_HOSTS_MAX = 10
_TTL_MIN_S, _TTL_MAX_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Route:
    """Hosts in the order of trying, and the site that they are. Good until `expires_at_s` (monotonic)."""

    site: str
    carrier: Carrier
    targets: tuple[Target, ...]
    expires_at_s: float


class NoRoute(Exception):
    """Mail for this domain cannot be delivered, or not now."""

    def __init__(self, enhanced: str, *, permanent: bool) -> None:
        kind = Kind.FAILED if permanent else Kind.DEFERRED
        self.outcome = Outcome(kind, enhanced=enhanced, reason=Reason.NO_ROUTE)
        super().__init__(enhanced)


class Router:
    """Finds routes through the configured resolvers."""

    def __init__(self, relay: Relay) -> None:
        self._resolver = Resolver(relay.nameservers)
        self._port = relay.smtp_port
        self._private = relay.allow_private_targets

    async def find(self, domain: str) -> Route:
        """The route of a (lower-case) domain. Raises `NoRoute`."""
        try:
            pairs, ttl_s = await self._resolver.mx(domain)
            if any(host == "" for _, host in pairs):
                raise NoRoute("5.1.10", permanent=True)  # RFC 7505: accepts no mail
            hosts = _in_order(pairs) or [domain]  # RFC 5321 5.1: implicit MX
            carrier = carrier_of(domain)
            targets: list[Target] = []
            refused = False
            unsure: NoAnswer | None = None
            for host in hosts[:_HOSTS_MAX]:
                try:
                    addresses = await self._resolver.addresses(host)
                except NoSuchDomain:
                    continue
                except NoAnswer as error:
                    unsure = error
                    continue
                permitted = [text for text in addresses if self._private or _is_public(text)]
                refused = refused or len(permitted) < len(addresses)
                random.shuffle(permitted)
                targets += [Target(host, text, self._port, carrier) for text in permitted]
        except NoSuchDomain:
            raise NoRoute("5.1.2", permanent=True) from None
        except NoAnswer:
            raise NoRoute("4.4.3", permanent=False) from None
        if not targets:
            if unsure is not None:
                raise NoRoute("4.4.3", permanent=False)
            raise NoRoute("5.4.6" if refused else "5.4.4", permanent=True)
        lifetime_s = min(max(ttl_s, _TTL_MIN_S), _TTL_MAX_S)
        site = "+".join(sorted(hosts[:_HOSTS_MAX]))
        return Route(site, carrier, tuple(targets), clock.monotonic() + lifetime_s)


def _in_order(pairs: list[tuple[int, str]]) -> list[str]:
    """By preference; equal ones shuffled (RFC 5321 5.1)."""
    shuffled = random.sample(pairs, len(pairs))
    return [host for _, host in sorted(shuffled, key=lambda pair: pair[0])]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return address.is_global and not address.is_multicast
