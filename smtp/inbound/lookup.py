"""DNS for libraries that ask and wait: through the configured resolvers, with a cache and a deadline.

Owns the questions that SPF, DKIM and DMARC ask from threads. One cache for all threads keeps what there is,
and what there is not, as long as the TTL says. Refuses the system's resolver, and any question after its
judgement's time is over, so that no thread outlives its mail by more than a moment. Fails with `NoAnswer`:
SERVFAIL, a timeout, nonsense, too late.
"""

from collections.abc import Sequence

import dns.exception
import dns.nameserver
import dns.rdata
import dns.resolver
from dns.rdatatype import RdataType

from appliance import clock
from smtp.resolver import NoAnswer, nameserver

_CACHED_MAX = 20_000
_ONE_SERVER_S = 1.0
_QUESTIONS = 60  # of one judgement; SPF alone may ask some thirty


class Lookup:
    """One per worker; `within` makes the questions of one judgement."""

    def __init__(self, nameservers: Sequence[str]) -> None:
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers = [nameserver(text) for text in nameservers]
        self.resolver.timeout = _ONE_SERVER_S
        self.resolver.use_edns(0, 0, 1232)  # DNS flag day 2020
        self.resolver.cache = dns.resolver.LRUCache(_CACHED_MAX)

    def within(self, seconds: float) -> "Questions":
        return Questions(self.resolver, clock.monotonic() + seconds)


class Questions:
    """The questions of one judgement, which share a deadline and a number."""

    def __init__(self, resolver: dns.resolver.Resolver, deadline_s: float) -> None:
        self._resolver = resolver
        self._deadline_s = deadline_s
        self._left = _QUESTIONS

    def records(self, name: str, kind: str) -> list[dns.rdata.Rdata]:
        """What the name has of that type, through CNAMEs; possibly nothing. Raises `NoAnswer`."""
        left_s = self._deadline_s - clock.monotonic()
        self._left -= 1
        if left_s <= 0 or self._left < 0:
            raise NoAnswer("no time left")
        try:
            answer = self._resolver.resolve(
                name, RdataType.make(kind), lifetime=left_s, raise_on_no_answer=False, search=False
            )
        except (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel):
            return []
        except (dns.exception.DNSException, OSError, EOFError, UnicodeError) as error:
            raise NoAnswer(type(error).__name__) from None
        return list(answer.rrset) if answer.rrset is not None else []

    def texts(self, name: str) -> list[bytes]:
        """TXT records, their strings joined. Raises `NoAnswer`."""
        return [b"".join(record.strings) for record in self.records(name, "TXT")]  # type: ignore[attr-defined]
