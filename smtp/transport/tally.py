"""How TLS sessions fared, for the domains that ask to be told (RFC 8460).

Owns the counters of one worker between two flushes. A session costs one addition in memory; only domains
that publish `_smtp._tls` are counted at all. Refuses the database and the report's form. Counts nothing more,
rather than grow, when strangers make it hold too many different things.
"""

import json
from collections import Counter
from typing import NamedTuple

from appliance import clock
from smtp.transport.policy import Failure, Policy

_KEYS_MAX = 20_000
DAY_S = 86_400


class Counted(NamedTuple):
    """What is counted apart; `failure` is "" for sessions in which all was well."""

    day: int  # days since 1970, UTC
    domain: str
    kind: str
    text: tuple[str, ...]
    mx_patterns: tuple[str, ...]
    failure: str
    host: str
    ip: str


class Tally:
    """One per worker."""

    def __init__(self, *, counting: bool = True) -> None:
        self._counting = counting
        self._counts: Counter[Counted] = Counter()

    def count(self, domain: str, policy: Policy, host: str, ip: str, failure: Failure | None) -> None:
        """One session, or one look-up that ended before there was any. `domain` "" is not counted."""
        if not domain or not self._counting:
            return
        told = ("", "") if failure is None else (host, ip)
        day = int(clock.now().timestamp()) // DAY_S
        key = Counted(day, domain, policy.kind, policy.text, policy.mx_patterns, failure or "", *told)
        if key in self._counts or len(self._counts) < _KEYS_MAX:
            self._counts[key] += 1

    def take(self) -> list[tuple[int, str, str]]:
        """(day, domain, text) for everything counted since the last time; `read` reads the text."""
        by_domain: dict[tuple[int, str], list[object]] = {}
        for key, count in self._counts.items():
            by_domain.setdefault((key.day, key.domain), []).append([*key[2:], count])
        self._counts.clear()
        return [(day, domain, json.dumps(rows)) for (day, domain), rows in by_domain.items()]

    def put_back(self, taken: list[tuple[int, str, str]]) -> None:
        """They could not be kept: the next flush has them again."""
        for day, domain, text in taken:
            self._counts += read(day, domain, text)


def read(day: int, domain: str, text: str) -> Counter[Counted]:
    """What `Tally.take` wrote."""
    found: Counter[Counted] = Counter()
    for kind, quoted, patterns, failure, host, ip, count in json.loads(text):
        found[Counted(day, domain, kind, tuple(quoted), tuple(patterns), failure, host, ip)] += count
    return found
