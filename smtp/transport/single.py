"""One mail by itself, outside the queue: the report to a domain, the canary of an upgrade.

Owns a courier's source of one. Refuses to try again and to remember: whoever sends by this does, or does not
need to. Fails with `NoRoute` and `Unreachable`.
"""

from appliance.address import Address
from appliance.delivery.outcome import Outcome
from smtp.route import Router
from smtp.terms import CourierSettings, Message
from smtp.transport.approach import Approach


class Single:
    """A courier's source of one mail."""

    def __init__(self, message: Message) -> None:
        self._message: Message | None = message
        self.outcome: Outcome | None = None

    def take(self) -> Message | None:
        message, self._message = self._message, None
        return message

    def committing(self, message: Message) -> None:
        """Nothing to note: what comes twice has the same id."""

    def settle(self, message: Message, outcome: Outcome) -> None:  # noqa: ARG002
        self.outcome = outcome


async def carry(
    content: bytes, to: Address, label: str, *, router: Router, approach: Approach, settings: CourierSettings
) -> Outcome | None:
    """How it ended; None where the connection did before it. `label` stands in the log for the site.

    Raises `NoRoute`, `Unreachable`.
    """
    letter = Single(Message(0, b"", to.wire().encode(), content))
    route = await router.find(to.domain)
    courier = await approach.connect(route, settings, letter, label)
    await courier.run()
    return letter.outcome
