"""To which addresses we connect at all: mail's, and those of the web servers that strangers' DNS names.

Owns the refusal of private, loopback, link-local and own addresses: an attacker controls where his names
point, and a relay that follows him is his way into the ward's network. Refuses to resolve names. Cannot fail.
"""

import ipaddress
from collections.abc import Collection

_UNICAST = ipaddress.IPv6Network("2000::/3")  # what IANA has given out; NAT64's 64:ff9b::/96 lies outside


def refusal(ip: str, own: Collection[str] = ()) -> str | None:
    """Why this address must not be connected to, or None. `own` are our addresses in `str` form."""
    address = ipaddress.ip_address(ip)
    if str(address) in own:
        return "own address"
    if not address.is_global or address.is_multicast:
        return "not on the public internet"
    if isinstance(address, ipaddress.IPv6Address) and (address not in _UNICAST or address.sixtofour):
        return "a tunnel to an IPv4 address"
    return None
