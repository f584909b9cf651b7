"""Group commit: many waiting mails, one thread, one transaction.

Owns the queue between sessions and the database thread. While one transaction is being written, whatever
arrives gathers for the next; nobody waits for company. Refuses to know what is committed: `Commit` is a plain
blocking function (`registration.request_many`) that keeps all it does not refuse, or raises.
Fails softly: a full queue, a raised error and a lost database are `Verdict.TROUBLE`, which a peer hears as
451. A batch that fails for a reason of its own is tried again mail by mail, so one bad mail spoils no other.
A caller that goes away cancels nothing: the commit runs on, and the sender's retry meets its digest.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from appliance import log
from appliance.errors import BudgetSpent, DatabaseUnavailable
from appliance.registration import Request

BATCH = 100
WAITING = 5000


class Verdict(StrEnum):
    """What became of one mail."""

    KEPT = "kept"
    BUDGET_SPENT = "budget_spent"
    TROUBLE = "trouble"


Commit = Callable[[Sequence[Request]], Sequence[object]]
"""Keeps all requests or raises; answers in their order, a `BudgetSpent` where one was not kept."""

Waiting = tuple[Request, "asyncio.Future[Verdict]"]


class Batcher:
    """One per worker process."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbound-commit")
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, mail: Request) -> "asyncio.Future[Verdict]":
        """Hands a mail over; the future is done once its fate is known, and never raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Verdict] = loop.create_future()
        if self._closed or len(self._waiting) >= WAITING:
            future.set_result(Verdict.TROUBLE)
            return future
        self._waiting.append((mail, future))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return future

    def run(self, work: Callable[[], None]) -> "asyncio.Future[None]":
        """Other work that needs the database, on the same thread and thus on the same connection."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self, grace_s: float) -> None:
        """Takes nothing more and waits for what it has; after `grace_s` the thread is left to its fate."""
        self._closed = True
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=grace_s)
        for _, future in self._waiting:
            _answer(future, Verdict.TROUBLE)
        self._waiting.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            verdicts = await self._verdicts([mail for mail, _ in batch])
            for (_, future), verdict in zip(batch, verdicts, strict=True):
                _answer(future, verdict)
        self._writing = None

    async def _verdicts(self, mails: Sequence[Request]) -> Sequence[Verdict]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        written = loop.run_in_executor(self._thread, self._commit, mails)
        await asyncio.wait({written})
        error = written.exception()
        if error is None:
            log.inbound_written(len(mails), round((loop.time() - began) * 1000))
            return [
                Verdict.BUDGET_SPENT if isinstance(result, BudgetSpent) else Verdict.KEPT
                for result in written.result()
            ]
        if isinstance(error, DatabaseUnavailable):
            log.database_unavailable(error)
            return [Verdict.TROUBLE] * len(mails)
        log.unexpected(error)
        if len(mails) == 1:
            return [Verdict.TROUBLE]
        return [(await self._verdicts([mail]))[0] for mail in mails]


def _answer(future: "asyncio.Future[Verdict]", verdict: Verdict) -> None:
    if not future.done():
        future.set_result(verdict)
