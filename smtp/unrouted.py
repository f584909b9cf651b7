"""Letters whose domain is being looked up, and how many of each site they are.

Owns the counts, so that asking for a site's costs the same with one private domain and with three thousand.
Refuses to look anything up: `smtp.dispatch` does. Cannot fail.
"""

from collections.abc import Iterator, Sequence

from appliance.address import Address
from appliance.delivery import Claimed

Letter = tuple[Claimed, Address]
_LANES = 3


class Unrouted:
    """By domain. A domain is here while its look-up runs, also when its letters have been given back."""

    def __init__(self) -> None:
        self._letters: dict[str, list[Letter]] = {}
        self._of_site: dict[str, list[int]] = {}

    def __contains__(self, domain: str) -> bool:
        return domain in self._letters

    def add(self, domain: str, letters: Sequence[Letter]) -> None:
        self._letters.setdefault(domain, []).extend(letters)
        for claimed, _ in letters:
            self._of_site.setdefault(claimed.site, [0] * _LANES)[claimed.lane] += 1

    def pop(self, domain: str) -> list[Letter]:
        """Its letters, and it is gone."""
        letters = self._letters.pop(domain, [])
        self._discount(letters)
        return letters

    def clear(self) -> list[Letter]:
        """All letters; the domains stay."""
        cleared = [letter for letters in self._letters.values() for letter in letters]
        for letters in self._letters.values():
            letters.clear()
        self._of_site.clear()
        return cleared

    def count(self, site: str, lane: int) -> int:
        """How many there are of a site, as urgent as `lane` or more so."""
        return sum(self._of_site[site][: lane + 1]) if site in self._of_site else 0

    def held(self) -> Iterator[Claimed]:
        yield from (claimed for letters in self._letters.values() for claimed, _ in letters)

    def _discount(self, letters: Sequence[Letter]) -> None:
        for claimed, _ in letters:
            counts = self._of_site[claimed.site]
            counts[claimed.lane] -= 1
            if not any(counts):
                del self._of_site[claimed.site]
