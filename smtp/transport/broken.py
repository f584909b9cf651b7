"""Hosts whose TLS did not work a moment ago.

Owns the memory that saves the next connection the failed attempt, for hosts of which nothing is demanded.
Refuses to decide (`smtp.transport.approach`). Forgets after `_REMEMBERED_S`, and the oldest first when there
are too many.
"""

from collections import OrderedDict

from appliance import clock
from smtp.transport.policy import Failure

_REMEMBERED_S = 1800.0
_HOSTS_MAX = 1000


class BrokenHosts:
    """By IP address: hosts behind one name break one by one."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, tuple[Failure, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def remember(self, ip: str, failure: Failure) -> None:
        self._hosts.pop(ip, None)
        self._hosts[ip] = (failure, clock.monotonic() + _REMEMBERED_S)
        if len(self._hosts) > _HOSTS_MAX:
            self._hosts.popitem(last=False)

    def failure(self, ip: str) -> Failure | None:
        """What did not work, or None where nothing is known any more."""
        failure, until_s = self._hosts.get(ip, (None, 0.0))
        if failure is not None and until_s <= clock.monotonic():
            del self._hosts[ip]
            return None
        return failure
