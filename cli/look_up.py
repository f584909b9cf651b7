"""Asking DNS what a stranger sees, through the configured nameservers (`relay.nameservers`).

Owns the question and what the answer means in words. Refuses the system's resolver: mail is sent through
these servers, so these must know. Fails with `NotThere`, a sentence for an installer.
"""

from collections.abc import Sequence

import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename
from dns.rdatatype import RdataType

_TIMEOUT_S = 3.0
_LIFETIME_S = 6.0


class NotThere(Exception):
    """No such record, or no answer; the text says which. `silent`: nobody answered, so nobody knows."""

    def __init__(self, text: str, *, silent: bool = False) -> None:
        super().__init__(text)
        self.silent = silent


class Names:
    """Asks `nameservers` (host:port) in this order."""

    def __init__(self, nameservers: Sequence[str]) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [_nameserver(text) for text in nameservers]
        self._resolver.timeout = _TIMEOUT_S
        self._resolver.lifetime = _LIFETIME_S
        self._resolver.use_edns(0, 0, 1232)

    def find(self, name: str, kind: str) -> list[str]:
        """The records' values as a master file writes them; strings of a TXT joined. Raises `NotThere`."""
        try:
            answer = self._resolver.resolve(name, kind, search=False)
        except dns.resolver.NXDOMAIN:
            raise NotThere("the name does not exist") from None
        except dns.resolver.NoAnswer:
            raise NotThere("the name exists, but without such a record") from None
        except (dns.exception.DNSException, UnicodeError, OSError) as error:
            raise NotThere(f"no answer ({type(error).__name__})", silent=True) from None
        if answer.rdtype == RdataType.TXT:
            return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
        return [record.to_text() for record in answer]

    def host_of(self, ip: str) -> list[str]:
        """The names that the reverse zone gives an address, without final dot. Raises `NotThere`."""
        return [name.rstrip(".").lower() for name in self.find(str(dns.reversename.from_address(ip)), "PTR")]


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    host, _, port = text.rpartition(":")
    return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
