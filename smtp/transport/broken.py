"""Hosts whose TLS did not work a moment ago.

Owns the memory that saves the next connection the failed attempt, for hosts of which nothing is demanded. One
fault costs a minute in the clear, not an hour: the time doubles with each attempt that fails, and a handshake
that works ends it. Refuses to decide (`smtp.transport.approach`). Forgets the oldest when there are too many.
"""

from collections import OrderedDict
from typing import NamedTuple

from appliance import clock
from smtp.transport.policy import Failure

_FIRST_S, _LONGEST_S = 60.0, 3600.0
_HOSTS_MAX = 1000


class _Fault(NamedTuple):
    failure: Failure
    lasts_s: float
    until_s: float  # monotonic


class BrokenHosts:
    """By IP address: hosts behind one name break one by one."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, _Fault] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def remember(self, ip: str, failure: Failure) -> None:
        """An attempt failed."""
        before = self._hosts.pop(ip, None)
        lasts_s = _FIRST_S if before is None else min(_LONGEST_S, before.lasts_s * 2)
        self._hosts[ip] = _Fault(failure, lasts_s, clock.monotonic() + lasts_s)
        if len(self._hosts) > _HOSTS_MAX:
            self._hosts.popitem(last=False)

    def works(self, ip: str) -> None:
        """A handshake went well."""
        self._hosts.pop(ip, None)

    def failure(self, ip: str) -> Failure | None:
        """What did not work just now, or None where it is time to try."""
        fault = self._hosts.get(ip)
        return fault.failure if fault is not None and fault.until_s > clock.monotonic() else None
