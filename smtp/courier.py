"""Carries letters to one receiver over one connection, one round trip per letter.

Owns the order of commands and replies (RFC 5321, RFC 2920) and the promise that every letter taken from the
source is settled exactly once. Refuses to know queues, signatures, routes, and what a reply means
(`smtp.verdict`). Fails, when no session comes about, with `Unreachable`; after that never by an exception but
that of the source or a cancellation: whatever happens to the connection ends as outcomes and an `Ended`.

With PIPELINING, the body of letter N and the envelope of letter N+1 leave in one write:

    C: MAIL RCPT DATA                       (1)
    S: 250 250 354
    C: body (1) . MAIL RCPT DATA            (2)
    S: 250 250 250 354 …

What can go wrong, and what the letter's outcome says then:

- refused at MAIL, RCPT, DATA or the dot: as the verdict on that reply. A 354 after a refused RCPT is
  answered with a lone dot, its reply is ignored (RFC 2920 3.1); after a refused MAIL and an accepted RCPT it
  would deliver an empty mail, so there the connection goes.
- connection lost, silent too long, or talking nonsense before the body was written: deferred, not uncertain.
- the same after `Source.committing`: deferred and uncertain; the receiver may have it.
- 421 at any time: a plain no to the letter in question, even after its body was written.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from appliance.address import Carrier
from appliance.delivery.outcome import Kind, Outcome
from smtp import envelope, verdict
from smtp.greeting import Offers, open_session
from smtp.reply import Reply, ReplyMalformed
from smtp.terms import CourierSettings, End, Ended, Message, Source, Target, Unreachable
from smtp.verdict import Loss, Stage
from smtp.wire import Wire

__all__ = ["Courier", "CourierSettings", "End", "Ended", "Message", "Source", "Target", "Unreachable"]

_END_OF_LOSS = {Loss.TIMEOUT: End.TIMEOUT, Loss.PROTOCOL: End.PROTOCOL, Loss.CANCELLED: End.CANCELLED}


class _Transit:
    """A letter between `take` and its last reply."""

    __slots__ = ("committed", "mail_refused", "message", "rcpt_taken", "settled")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.committed = False
        self.settled = False
        self.mail_refused = False
        self.rcpt_taken = False


_NO_LETTER = _Transit(Message(0, b"", b"", b""))  # whom the reply to QUIT is about
_Handler = Callable[[Reply, _Transit], None]


class Courier:
    """One session. `connect`, then `run` once; `close` instead of `run` if it is not wanted after all."""

    def __init__(
        self, wire: Wire, offers: Offers, carrier: Carrier, settings: CourierSettings, source: Source
    ) -> None:
        self.offers = offers
        self._wire = wire
        self._carrier = carrier
        self._settings = settings
        self._source = source
        self._awaited: deque[tuple[_Handler, _Transit, float]] = deque()  # with the wait in seconds
        self._open: list[_Transit] = []  # taken and not settled: two at most
        self._taken = 0
        self._accepted = 0
        self._refused = 0
        self._rset_due = False  # the last transaction did not end with a dot
        self._lingering: asyncio.TimerHandle | None = None
        self._throttled = False
        self._why: End | None = None  # once set, and not DRY, nothing more is taken
        self._fault: Exception | None = None
        self._ended = False  # not the same as `_done.done()`: a cancelled `run` cancels the future
        self._done: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, target: Target, settings: CourierSettings, source: Source) -> Self:
        """Opens a session: TCP, banner, EHLO, STARTTLS where offered. Raises `Unreachable`."""
        wire, offers = await open_session(target, settings)
        return cls(wire, offers, target.carrier, settings, source)

    async def run(self) -> Ended:
        """Carries until the source is dry, the connection has carried its share, or something is wrong.

        Raises what the source raised, after everything in flight is settled.
        """
        loss = self._wire.attach(self)
        try:
            if loss is None:
                self._step(self._go_on)
            else:
                self.lost(loss)
            return await self._done
        except asyncio.CancelledError:
            self._wire.drop(Loss.CANCELLED)
            raise

    def wake(self) -> None:
        """The source has letters again. Matters to a lingering courier only; a busy one asks by itself."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
            self._step(self._go_on)

    def close(self) -> None:
        """Ends the session at once. Letters in flight are settled as lost."""
        self._wire.drop(Loss.CANCELLED)

    # --- what the wire calls

    def replied(self, reply: Reply) -> None:
        """One reply: the answer to the oldest command that has none."""
        if reply.code == 421:
            self._step(self._turned_away, reply)
        elif not self._awaited:
            raise ReplyMalformed("unsolicited reply")
        else:
            handler, transit, _ = self._awaited.popleft()
            self._step(handler, reply, transit)

    def lost(self, loss: Loss) -> None:
        """The connection is gone: everything in flight gets its outcome now."""
        if self._ended:
            return
        self._ended = True
        throttled = reset = False
        if self._why is None or self._open:
            self._why = _END_OF_LOSS.get(loss, End.LOST)
            throttled = verdict.is_throttle(loss, self._carrier, self._accepted)
            reset = loss is Loss.RESET
        with ExitStack() as each:  # runs all of them, whatever one raises
            each.callback(self._finish, throttled=throttled, reset=reset)
            for transit in reversed(self._open):
                outcome = verdict.of_loss(loss, committed=transit.committed, throttled=throttled)
                each.callback(self._settle, transit, outcome)

    # --- the next letter

    def _go_on(self) -> None:
        """Nothing is in flight: the next letter, a wait for one, or goodbye."""
        transit = self._next()
        if self._ended:
            return
        if transit is not None:
            self._begin(transit)
        elif self._why is End.DRY and self._settings.linger_s > 0:
            self._why = None
            self._wire.disarm()
            self._lingering = asyncio.get_running_loop().call_later(
                self._settings.linger_s, self._step, self._leave
            )
        else:
            self._leave()

    def _leave(self) -> None:
        self._lingering = None
        self._why = self._why or End.DRY
        self._await(self._quit_replied, _NO_LETTER, self._settings.quit_timeout_s)
        self._wire.write(envelope.QUIT)

    def _next(self) -> _Transit | None:
        while not self._ended and (self._why is None or self._why is End.DRY):
            if self._taken >= self._settings.messages_per_connection:
                self._why = End.LIMIT
                break
            message = self._source.take()
            if message is None:
                self._why = End.DRY
                break
            self._why = None
            self._taken += 1
            transit = _Transit(message)
            self._open.append(transit)
            fault = envelope.why_unsendable(message)
            if fault is None:
                return transit
            self._settle(transit, verdict.unsendable(fault))
        return None

    def _begin(self, transit: _Transit, before: bytes = b"") -> None:
        """Writes `before` and the envelope; where pipelining is not offered only its first command."""
        if not self.offers.pipelining:
            first = envelope.RSET if self._rset_due else envelope.mail(transit.message, self.offers)
            self._await(self._rset_replied if self._rset_due else self._mail_replied, transit)
            self._rset_due = False
            self._wire.write(before + first)
            return
        if self._rset_due:
            self._rset_due = False
            self._await(self._rset_replied, transit)
            before += envelope.RSET
        self._await(self._mail_replied, transit)
        self._await(self._rcpt_replied, transit)
        self._await(self._data_replied, transit)
        self._wire.write(before + envelope.pipelined(transit.message, self.offers))

    def _send_body(self, transit: _Transit) -> None:
        """The body, and with it the next envelope where pipelining allows."""
        following = self._next() if self.offers.pipelining else None
        if self._ended:  # the source closed us while it was asked
            return
        body = envelope.stuffed(transit.message.content)
        self._await(self._dot_replied, transit, self._settings.dot_timeout_s)
        self._source.committing(transit.message)
        transit.committed = True
        if following is None:
            self._wire.write(body)
        else:
            self._begin(following, before=body)

    def _withdraw(self, transit: _Transit) -> None:
        """The receiver wants a body for nobody: it gets none, only the dot."""
        self._rset_due = True
        self._await(self._withdrawn, transit, self._settings.dot_timeout_s)
        following = self._next() if self.offers.pipelining else None
        if following is None:
            self._wire.write(envelope.DOT)
        else:
            self._begin(following, before=envelope.DOT)

    # --- one handler for each reply that is due

    def _rset_replied(self, reply: Reply, transit: _Transit) -> None:
        if not reply.is_positive:
            raise ReplyMalformed("RSET refused")
        if not self.offers.pipelining:
            self._begin(transit)

    def _mail_replied(self, reply: Reply, transit: _Transit) -> None:
        if reply.is_positive:
            if not self.offers.pipelining:
                self._await(self._rcpt_replied, transit)
                self._wire.write(envelope.rcpt(transit.message))
            return
        transit.mail_refused = True
        self._refuse(transit, Stage.MAIL, reply)
        self._why = End.SENDER_REFUSED
        if not self.offers.pipelining:
            self._go_on()

    def _rcpt_replied(self, reply: Reply, transit: _Transit) -> None:
        if reply.is_positive:
            transit.rcpt_taken = True
            if not self.offers.pipelining:
                self._await(self._data_replied, transit)
                self._wire.write(envelope.DATA)
            return
        self._refuse(transit, Stage.RCPT, reply)
        if not self.offers.pipelining:
            self._rset_due = True
            self._go_on()

    def _data_replied(self, reply: Reply, transit: _Transit) -> None:
        if reply.code != 354:
            self._refuse(transit, Stage.DATA, reply)
            self._rset_due = True
            self._go_on()
        elif not transit.settled:
            self._send_body(transit)
        elif transit.rcpt_taken:
            raise ReplyMalformed("354 after MAIL was refused and RCPT accepted")
        else:
            self._withdraw(transit)

    def _dot_replied(self, reply: Reply, transit: _Transit) -> None:
        if reply.is_positive:
            self._settle(transit, verdict.of_reply(Stage.DOT, reply, self._carrier))
        else:
            self._refuse(transit, Stage.DOT, reply)
        if not self._awaited:
            self._go_on()

    def _withdrawn(self, _reply: Reply, _transit: _Transit) -> None:
        if not self._awaited:
            self._go_on()

    def _quit_replied(self, _reply: Reply, _transit: _Transit) -> None:
        self._wire.close()

    def _turned_away(self, reply: Reply) -> None:
        """421: the receiver is about to hang up. While we linger or leave, that is no wish for less."""
        if self._open:
            self._throttled = True
            self._why = End.TURNED_AWAY
        for transit in tuple(self._open):
            self._settle(transit, verdict.of_reply(Stage.MAIL, reply, self._carrier))
        self._why = self._why or End.TURNED_AWAY
        self._wire.close()

    # --- settling

    def _refuse(self, transit: _Transit, stage: Stage, reply: Reply) -> None:
        if reply.code < 400:
            raise ReplyMalformed("a positive reply where none can be")
        if transit.settled:
            return
        outcome = verdict.of_reply(stage, reply, self._carrier)
        if outcome.throttled:
            self._throttled = True
            self._why = End.SLOWED
        self._settle(transit, outcome)

    def _settle(self, transit: _Transit, outcome: Outcome) -> None:
        transit.settled = True
        self._open.remove(transit)
        if outcome.kind is Kind.ACCEPTED:
            self._accepted += 1
        else:
            self._refused += 1
        self._source.settle(transit.message, outcome)

    def _finish(self, *, throttled: bool, reset: bool) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        if self._done.done():
            return
        if self._fault is not None:
            self._done.set_exception(self._fault)
            self._done.exception()  # counts as read: it may have come out of `run` directly
            return
        throttled = throttled or self._throttled
        self._done.set_result(
            Ended(self._why or End.LOST, self._accepted, self._refused, throttled=throttled, reset=reset)
        )

    # --- waiting

    def _await(self, handler: _Handler, transit: _Transit, timeout_s: float = 0.0) -> None:
        self._awaited.append((handler, transit, timeout_s or self._settings.reply_timeout_s))

    def _step(self, act: Callable[..., None], *arguments: object) -> None:
        """Every entry from outside passes here: a fault of the source must not lose a letter in flight."""
        try:
            act(*arguments)
        except ReplyMalformed:
            self._wire.drop(Loss.PROTOCOL)
        except Exception as fault:
            self._fault = self._fault or fault
            self._wire.drop(Loss.CANCELLED)
            raise
        else:
            if self._awaited:
                self._wire.arm(self._awaited[0][2])
