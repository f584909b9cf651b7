"""Whether return paths and From can belong together in the eyes of DMARC (RFC 9989, formerly RFC 7489).

Owns that judgement over two domain names. The signature's domain is always that of From; the return path's is
configured, and aligned when both lie in one organization's domain. Refuses DNS. Cannot fail.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList


def why_unaligned(from_domain: str, bounce_domain: str) -> str | None:
    """The reason why no receiver would see the two as one organization's, or None."""
    if _within(from_domain, bounce_domain) or _within(bounce_domain, from_domain):
        return None
    ours, theirs = _organization(from_domain), _organization(bounce_domain)
    if ours is not None and ours == theirs:
        return None
    return (
        f"bounce_domain {bounce_domain} and the domain of from_address, {from_domain}, belong to different "
        "organizations; receivers would call our mail forged (DMARC). Expected a bounce_domain such as "
        f"bounce.{from_domain}"
    )


def _within(name: str, parent: str) -> bool:
    return name == parent or name.endswith(f".{parent}")


def _organization(name: str) -> str | None:
    found: str | None = _suffixes().privatesuffix(name)
    return found


@cache
def _suffixes() -> PublicSuffixList:
    """Some tens of milliseconds; only asked for when neither domain lies within the other."""
    return PublicSuffixList()
