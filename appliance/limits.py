"""What we ask of a receiving site at most, before it has told us anything.

Owns the table of starting limits, who wins over it, and how much of a site routine mail leaves free. No
carrier publishes such limits: docs/shaping.md says where each number comes from, and a test holds that page
to this table. Refuses to adapt: `smtp.shaping` does, by what a site answers. Cannot fail.
"""

from appliance.address import Carrier
from appliance.config import SiteLimits

STARTING_LIMITS: dict[Carrier, SiteLimits] = {
    Carrier.DOCOMO: SiteLimits(connections=4, messages_per_connection=50, connections_per_s=4),
    Carrier.AU: SiteLimits(connections=4, messages_per_connection=50, connections_per_s=4),
    Carrier.SOFTBANK: SiteLimits(connections=4, messages_per_connection=50, connections_per_s=4),
    Carrier.YAHOO_JP: SiteLimits(connections=2, messages_per_connection=20, per_s=10, connections_per_s=2),
    Carrier.GOOGLE: SiteLimits(connections=5, messages_per_connection=50, connections_per_s=5),
    Carrier.APPLE: SiteLimits(connections=10, messages_per_connection=5, connections_per_s=10),
    Carrier.MICROSOFT: SiteLimits(connections=5, messages_per_connection=50, connections_per_s=5),
    Carrier.OTHER: SiteLimits(connections=10, messages_per_connection=100, connections_per_s=10),
}

_RESERVED = 4  # one connection in so many is kept for urgent mail


def limits_for(carrier: Carrier, overrides: dict[str, SiteLimits], site: str = "") -> SiteLimits:
    """The configured limits of the site or carrier (`relay.sites`), else the starting ones."""
    return overrides.get(site) or overrides.get(carrier.value) or STARTING_LIMITS[carrier]


def reserved(connections: int) -> int:
    """How many of a site's connections only urgent mail may take; a single one is shared by all."""
    return max(1, connections // _RESERVED) if connections > 1 else 0
