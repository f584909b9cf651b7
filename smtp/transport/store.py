"""MTA-STS policies in the database, for all workers.

Owns the text of a kept policy and the thread in which the database is asked. Refuses to decide when. Fails
with `DatabaseUnavailable`.
"""

import asyncio
import dataclasses
import functools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from appliance import db, transport
from appliance.keys import Keyring
from smtp.transport.mta_sts import Mode, StsPolicy

_REFRESH_MAX = timedelta(days=1)
_T = TypeVar("_T")


class Dated(NamedTuple):
    """A policy with the time of its fetch."""

    policy: StsPolicy
    fetched_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.fetched_at + timedelta(seconds=self.policy.max_age_s)

    @property
    def refresh_at(self) -> datetime:
        """Long before it expires (RFC 8461 10.2), and daily."""
        return self.fetched_at + min(_REFRESH_MAX, (self.expires_at - self.fetched_at) / 2)


class Store(Protocol):
    """Where policies are kept."""

    async def read(self, domain: str, now: datetime) -> Dated | None: ...
    async def write(self, domain: str, dated: Dated) -> None: ...
    async def claim(self, now: datetime, again_at: datetime) -> list[str]: ...


class NoStore:
    """Nothing is kept beyond this process."""

    async def read(self, _domain: str, _now: datetime) -> Dated | None:
        return None

    async def write(self, _domain: str, _dated: Dated) -> None:
        return None

    async def claim(self, _now: datetime, _again_at: datetime) -> list[str]:
        return []


class DatabaseStore:
    """The real one."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def read(self, domain: str, now: datetime) -> Dated | None:
        kept = await in_thread(transport.kept_policy, self._keyring, domain, now)
        return None if kept is None else _dated(kept)

    async def write(self, domain: str, dated: Dated) -> None:
        text = json.dumps(dataclasses.astuple(dated.policy))
        kept = transport.Kept(domain, text, dated.fetched_at, dated.expires_at)
        await in_thread(transport.keep_policy, self._keyring, kept, dated.refresh_at)

    async def claim(self, now: datetime, again_at: datetime) -> list[str]:
        kept = await in_thread(transport.claim_policies, self._keyring, now, again_at)
        return [each.domain for each in kept]


async def in_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """Runs in some thread, whose connection is given back."""
    return await asyncio.to_thread(_and_close, functools.partial(function, *arguments))


def _and_close(call: Callable[[], _T]) -> _T:
    try:
        return call()
    finally:
        db.close()


def _dated(kept: transport.Kept) -> Dated:
    id_, mode, max_age_s, mx = json.loads(kept.text)
    return Dated(StsPolicy(id_, Mode(mode), max_age_s, tuple(mx)), kept.fetched_at)
