"""Answers to our mails: from the octets that came in to what the domain does with them.

Owns reading a mail for its words, away from the loop and from the database's thread, and the reply to the
final dot. Refuses to know what words mean: `appliance.answer` does. An answer from a stranger is refused in
the dialogue, so that somebody who wrote from another account learns of it from his own server, and we write
to nobody. Fails like `intake`: 451 in any doubt.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from appliance import answer, clock, log, notice
from appliance.address import Address
from appliance.answer import Answer, Done, Question
from appliance.config import Config
from appliance.errors import AnswerStranger, BudgetSpent, DatabaseUnavailable, TokenUnknown, WrongState
from appliance.keys import Keyring
from appliance.registration import Budgets
from smtp.inbound import reading, replies
from smtp.inbound.batcher import Batcher
from smtp.inbound.body import Body
from smtp.inbound.recipients import Destination, Route
from smtp.inbound.replies import Reply

_WORST_FIRST = (
    replies.NOT_NOW, replies.BUDGET_SPENT, replies.NO_SUCH_RECIPIENT, replies.NOT_WHO_GOT_IT, replies.TAKEN,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acts:
    """What the domain does; both block. Stands apart so that dialogs can be played without a database."""

    take: Callable[[Answer], Done]
    inquire: Callable[[Question], Done]
    notify: Callable[[str, Address, bytes], None]

    @classmethod
    def of(cls, config: Config, keyring: Keyring) -> "Acts":
        def take(given: Answer) -> Done:
            return answer.take(
                keyring,
                given,
                now=clock.now(),
                budget=config.mail.requests_per_address_per_hour,
                names_max=config.registration.names_max,
            )

        def inquire(asked: Question) -> Done:
            return answer.inquire(
                keyring,
                asked,
                now=clock.now(),
                budget=config.mail.requests_per_address_per_hour,
                budgets=Budgets.of(config.mail),
            )

        def notify(local_part: str, sender: Address, digest: bytes) -> None:
            notice.take(keyring, local_part, sender, digest, clock.now())

        return cls(take, inquire, notify)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that a person wrote to us. `network`: where it came from; `doubtful`: nobody vouches for it."""

    sender: Address
    body: Body
    encrypted: bool
    network: str
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Answering:
    """One per worker process."""

    batcher: Batcher
    acts: Acts
    deadline_s: float

    async def take(self, letter: Letter, routes: Sequence[tuple[Route, bytes]]) -> Reply:
        """Does what the mail asks for; `routes` are its recipients, each with its digest."""
        written = await asyncio.to_thread(reading.read, letter.body.beginning)
        jobs = [
            self.batcher.run(partial(self._one, letter, written, route, digest)) for route, digest in routes
        ]
        _, late = await asyncio.wait(jobs, timeout=self.deadline_s)
        if late:
            log.inbound_late(len(late))
            return replies.NOT_NOW
        said = {_reply(job, route) for job, (route, _) in zip(jobs, routes, strict=True)}
        return next(reply for reply in _WORST_FIRST if reply in said)

    def _one(self, letter: Letter, written: reading.Written, route: Route, digest: bytes) -> None:
        if route.destination is Destination.INQUIRY:
            text = f"{written.subject}\n\n{written.text}".strip()
            asked = Question(letter.sender, digest, text, letter.network, letter.doubtful)
            log.answer_taken(0, self.acts.inquire(asked))
            return
        if route.destination is Destination.NOTICES:
            self.acts.notify(route.local_part, letter.sender, digest)
            log.answer_taken(0, "notices")
            return
        given = Answer(
            delivery_id=route.delivery_id,
            sender=letter.sender,
            digest=digest,
            encrypted=letter.encrypted,
            subject=written.subject,
            text=written.text,
            quoted=written.quoted,
        )
        log.answer_taken(route.delivery_id, self.acts.take(given))


def _reply(job: "asyncio.Future[None]", route: Route) -> Reply:
    error = job.exception()
    if error is None:
        return replies.TAKEN
    if isinstance(error, AnswerStranger):
        log.answer_taken(route.delivery_id, "stranger")
        return replies.NOT_WHO_GOT_IT
    if isinstance(error, TokenUnknown):
        log.answer_taken(0, "unknown")
        return replies.NO_SUCH_RECIPIENT
    if isinstance(error, BudgetSpent):
        return replies.BUDGET_SPENT
    if isinstance(error, DatabaseUnavailable):
        log.database_unavailable(error)
    elif not isinstance(error, WrongState):  # two answers at the same moment: the second comes again
        log.unexpected(error)
    return replies.NOT_NOW
