"""Everything about transport that one worker has one of, put together.

Owns the wiring, and the upkeep that goes on beside the mail: policies are fetched again before they expire,
counters go to the database, reports go out. Refuses each of these things itself. Fails at start with
`OperatorError` where `relay.ca_file` holds no authorities; later as the database does.
"""

import asyncio
from datetime import timedelta

from appliance import clock, transport
from appliance.config import Config
from appliance.keys import Keyring
from smtp.dkim import Signer
from smtp.resolver import Resolver
from smtp.transport.approach import Approach
from smtp.transport.https import Https
from smtp.transport.judge import authorities
from smtp.transport.policies import Policies
from smtp.transport.reporter import Reporter
from smtp.transport.store import DatabaseStore, in_thread
from smtp.transport.tally import Tally

_UPKEEP_S = 60.0
_FLUSH_EVERY = timedelta(minutes=5)


class Transport:
    """One per worker process."""

    def __init__(self, config: Config, keyring: Keyring, signer: Signer, *, https_port: int = 443) -> None:
        """`signer` signs the reports."""
        relay = config.relay
        authorities(relay.ca_file)
        self._keyring = keyring
        self._signer = signer
        self.resolver = Resolver(relay.nameservers, trusted=relay.nameservers_trusted)
        self.https = Https(
            self.resolver,
            ca_file=relay.ca_file,
            families=relay.ip_families,
            allow_private=relay.allow_private_targets,
            port=https_port,
        )
        self.tally = Tally(counting=relay.tls_reports)
        store = DatabaseStore(keyring)
        self.policies = Policies(self.resolver, self.https, store, self.tally, port=relay.smtp_port)
        self.approach = Approach(self.tally)
        self._reporter = Reporter(config, keyring, self.resolver, self.https)
        self._flush_due = clock.now() + _FLUSH_EVERY

    async def upkeep(self) -> None:
        """One round. Raises `DatabaseUnavailable`."""
        await self.policies.refresh()
        if clock.now() >= self._flush_due:
            self._flush_due = clock.now() + _FLUSH_EVERY
            await self.flush()
            await self.report()
        await asyncio.sleep(_UPKEEP_S)

    async def report(self) -> int:
        """Sends the reports that are due. Raises `DatabaseUnavailable`."""
        return await self._reporter.round(self._signer)

    async def flush(self) -> None:
        """Puts the counters into the database; those that could not be put there stay here.

        Raises `DatabaseUnavailable`.
        """
        taken = self.tally.take()
        try:
            await in_thread(transport.add_tallies, self._keyring, taken)
        except BaseException:
            self.tally.put_back(taken)
            raise
