"""From the final dot to its reply: what an inbound mail causes, and what its sender is told.

Owns the one promise of the inbound side: 250 only after the commit, and in any doubt 451. A mail with several
recipients gets one reply; if any of them failed for now it is 451, and the retry is merged by a digest per
recipient. Refuses to know SMTP's grammar, and what a registration is: `Commit` does, which is
`appliance.registration.request_many`. Never raises towards the session but for faults that nobody foresaw.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appliance import clock, log
from appliance.address import Address
from appliance.errors import DatabaseUnavailable
from appliance.registration import Request
from smtp.inbound import guards, postmaster, replies
from smtp.inbound.answering import Answering, Letter
from smtp.inbound.authenticity import NOWHERE, Judge, Judgement, Origin
from smtp.inbound.batcher import Batcher, Verdict
from smtp.inbound.body import Body
from smtp.inbound.recipients import Destination, Route
from smtp.inbound.replies import Reply

COMMIT_DEADLINE_S = 25.0  # longer than the database's own statement timeout, shorter than any peer's patience
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A whole mail, as the session hands it over. All routes have one destination.

    `encrypted`: it came under TLS.
    """

    sender: Address | None
    routes: tuple[Route, ...]
    body: Body
    origin: Origin = NOWHERE
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Intake:
    """Where mails go. `bounced` learns the delivery ids that a bounce is about and may block."""

    batcher: Batcher
    our_domains: Collection[str]
    postmaster_dir: Path
    bounced: Callable[[InboundMail, int], None]
    judge: Judge
    deadline_s: float = COMMIT_DEADLINE_S
    answering: Answering | None = None

    async def take(self, mail: InboundMail) -> Reply:
        """Does all that the mail asks for and returns the reply to its final dot."""
        match mail.routes[0].destination:
            case Destination.REGISTRATION:
                return await self._register(mail)
            case Destination.POSTMASTER:
                return await self._keep_for_people(mail)
            case Destination.BOUNCE:
                return await self._note_bounce(mail)
            case Destination.ANSWER | Destination.INQUIRY | Destination.NOTICES:
                return await self._answer(mail)

    async def _answer(self, mail: InboundMail) -> Reply:
        """What a person answers; a machine never does (RFC 3834)."""
        refusal = guards.refusal(mail.sender, mail.body.beginning, self.our_domains)
        if refusal is not None or mail.sender is None or self.answering is None:
            log.inbound_refused("automatic" if refusal is replies.NOT_ANSWERED else "header")
            return refusal or replies.NOT_ANSWERED
        judgement = await self.judge.judge(mail.origin, mail.sender, mail.body)
        if judgement is Judgement.FAIL:
            return replies.NOT_AUTHENTIC
        letter = Letter(mail.sender, mail.body, mail.encrypted, mail.origin.network, judgement.is_doubtful)
        routes = [(route, digest(mail, route)) for route in mail.routes]
        return await self.answering.take(letter, routes)

    async def _register(self, mail: InboundMail) -> Reply:
        refusal = guards.refusal(mail.sender, mail.body.beginning, self.our_domains)
        if refusal is not None or mail.sender is None:
            log.inbound_refused("automatic" if refusal is replies.NOT_ANSWERED else "header")
            return refusal or replies.NOT_ANSWERED
        judgement = await self.judge.judge(mail.origin, mail.sender, mail.body)
        if judgement is Judgement.FAIL:
            return replies.NOT_AUTHENTIC
        futures = [
            self.batcher.submit(
                Request(
                    route.local_part,
                    mail.sender,
                    digest(mail, route),
                    network=mail.origin.network,
                    doubtful=judgement.is_doubtful,
                )
            )
            for route in mail.routes
        ]
        # asyncio.wait cancels nothing: neither a deadline nor a peer that hangs up undoes a commit
        _, late = await asyncio.wait(futures, timeout=self.deadline_s)
        if late:
            log.inbound_late(len(late))
            return replies.NOT_NOW
        verdicts = {future.result() for future in futures}
        if Verdict.TROUBLE in verdicts:
            return replies.NOT_NOW
        return replies.BUDGET_SPENT if Verdict.BUDGET_SPENT in verdicts else replies.TAKEN

    async def _keep_for_people(self, mail: InboundMail) -> Reply:
        if not mail.body.is_whole:
            return replies.TOO_LARGE
        try:
            count = await asyncio.to_thread(
                postmaster.store,
                self.postmaster_dir,
                sender=mail.sender,
                content=mail.body.beginning,
                digest=mail.body.digest,
            )
        except (postmaster.PostmasterFull, OSError) as error:
            log.postmaster_refused(error)
            return replies.POSTMASTER_FULL
        log.postmaster_kept(count)
        return replies.TAKEN

    async def _note_bounce(self, mail: InboundMail) -> Reply:
        noted = [self.batcher.run(partial(self.bounced, mail, route.delivery_id)) for route in mail.routes]
        _, late = await asyncio.wait(noted, timeout=self.deadline_s)
        errors = [future.exception() for future in noted if future not in late]
        for error in filter(None, errors):
            log.database_unavailable(error) if isinstance(error, DatabaseUnavailable) else log.unexpected(
                error
            )
        return replies.NOT_NOW if late or any(errors) else replies.TAKEN


def digest(mail: InboundMail, route: Route) -> bytes:
    """Equal for the same mail tried again, different for the sender's next one.

    A real mail carries a Message-ID, a date or a trace that differs. A mail without any of them is told from
    the next only by the hour in which it came, else its sender would get one answer in his life.
    """
    sender = mail.sender.canonical if mail.sender is not None else ""
    hour = "" if guards.is_traced(mail.body.beginning) else str(int(clock.now().timestamp()) // _HOUR_S)
    envelope = "\x1f".join((sender, route.local_part, hour))
    return hashlib.sha256(envelope.encode() + b"\x1f" + mail.body.digest).digest()
