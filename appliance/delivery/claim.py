"""取得: how workers share one queue without a leader.

Owns the statements that take, hold and give back deliveries. On PostgreSQL rows that another worker is
taking are skipped; on SQLite there is one writer at a time. The state is asked again in the outer WHERE:
without that, two workers can take the same row. Refuses to decide how many a site bears: the mail zone does.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from appliance import db
from appliance.models import Delivery
from appliance.models.fields import micros, moment
from appliance.states import DeliveryState

_CHUNK = 500
_ROUTINE = 2

# Two orders, two partial indexes; the states stand literally, because by them the indexes are chosen. What is
# to be tried again goes first, the longest due before the others; the rest by lane and turn.
_RETRIES = "state = 'deferred' AND site = ? AND next_at <= ? AND lane <= ? AND expires_at > ?"
_TURNS = "state = 'queued' AND site = ? AND lane <= ? AND next_at <= ? AND expires_at > ?"


class Claimed(NamedTuple):
    """A delivery in a worker's hand. `sealed` is the address as its school sealed it."""

    id: int
    token: int
    kind: str
    site: str
    lane: int
    turn: int
    school_id: int
    broadcast_id: int | None
    registration_id: int | None
    address_id: int
    attempts: int
    sealed: bytes
    created_at: datetime
    expires_at: datetime
    prepared: bytes | None = None
    """Its signature, sealed, if it was made ahead (`appliance.delivery.ahead`)."""
    language: str = "ja"
    about: str = ""


COLUMNS = """d.id, COALESCE(d.claim_token, 0), d.kind, d.site, d.lane, d.turn, d.school_id, d.broadcast_id,
             d.registration_id, a.id, d.attempts, a.sealed, d.created_at, d.expires_at, p.signed, a.language,
             d.about"""
"""Of a delivery `d`, its address `a` and what is prepared of it, `p`, as `claimed_of` reads them."""


def claimed_of(row: tuple[Any, ...]) -> Claimed:
    """Written out: peewee's own way of reading so many rows costs ten times this (measured)."""
    *known, sealed, created_at, expires_at, prepared, language, about = row
    return Claimed._make(
        (
            *known,
            bytes(sealed),
            moment(created_at),
            moment(expires_at),
            None if prepared is None else bytes(prepared),
            language,
            about,
        )
    )


def sites_waiting(now: datetime) -> list[tuple[str, int]]:
    """The (site, most urgent lane) pairs for which something can be claimed now.

    Walks the indexes from site to site, so that its cost grows with the sites and not with the queue.
    """
    lanes: dict[str, int] = {}
    with db.guarded():
        rows = db.statement(
            f"""
            {_walk("queued")}
            SELECT site,
                   (SELECT d.lane FROM delivery AS d
                    WHERE d.state = 'queued' AND d.site = walk.site AND d.next_at <= ?
                    ORDER BY d.site, d.lane, d.turn LIMIT 1)
            FROM walk WHERE site IS NOT NULL
            """,
            micros(now),
        ).fetchall()
        rows += db.statement(
            f"""
            {_walk("deferred")}
            SELECT site,
                   (SELECT MIN(d.lane) FROM delivery AS d
                    WHERE d.state = 'deferred' AND d.site = walk.site AND d.next_at <= ?)
            FROM walk WHERE site IS NOT NULL
            """,
            micros(now),
        ).fetchall()
    for site, lane in rows:
        if lane is not None:
            lanes[site] = min(lane, lanes.get(site, lane))
    return sorted(lanes.items())


def _walk(state: str) -> str:
    """Each site with something in this state, by one step into the index per site."""
    return f"""
        WITH RECURSIVE walk (site) AS (
            SELECT (SELECT MIN(site) FROM delivery WHERE state = '{state}')
            UNION ALL
            SELECT (SELECT MIN(d.site) FROM delivery AS d WHERE d.state = '{state}' AND d.site > walk.site)
            FROM walk WHERE walk.site IS NOT NULL
        )
    """


def fresh_token() -> int:
    """A new claim token. Who knows it before the claim can give back what a lost connection left unclear."""
    return secrets.randbits(63)


def claim(
    worker: str,
    site: str,
    *,
    limit: int,
    lease_s: float,
    now: datetime,
    lane: int = _ROUTINE,
    token: int | None = None,
) -> list[Claimed]:
    """Takes up to `limit` deliveries of a site, as urgent as `lane` or more so, for `lease_s` seconds.

    The attempt is counted before it is made: a worker that dies leaves it counted. `token` is a
    `fresh_token`, used for this claim only.
    """
    token = fresh_token() if token is None else token
    at = micros(now)
    hold = (token, worker, micros(now + timedelta(seconds=lease_s)))
    with db.transaction():
        ids = _take("deferred", f"{_RETRIES} ORDER BY site, next_at", hold, (site, at, lane, at, limit))
        if len(ids) < limit:
            rest = limit - len(ids)
            ids += _take("queued", f"{_TURNS} ORDER BY site, lane, turn", hold, (site, lane, at, at, rest))
        return _held(ids, token)


def _take(state: str, which: str, hold: tuple[int, str, int], parameters: tuple[str | int, ...]) -> list[int]:
    """One of the two orders. Materialised: inside a join PostgreSQL may run a sub-select with LIMIT again."""
    taken = db.statement(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT id FROM delivery WHERE {which} LIMIT ? {db.skip_locked()}
        )
        UPDATE delivery
        SET state = 'sending', claim_token = ?, claimed_by = ?, lease_until = ?, attempts = attempts + 1
        WHERE state = '{state}' AND id IN (SELECT id FROM picked)
        RETURNING id
        """,
        *parameters,
        *hold,
    ).fetchall()
    return [row[0] for row in taken]


def _held(ids: list[int], token: int) -> list[Claimed]:
    """The claimed rows with their sealed addresses, most urgent first and in the queue's order."""
    if not ids:
        return []
    rows = db.statement(
        f"""
        SELECT {COLUMNS}
        FROM delivery AS d JOIN address AS a ON a.id = d.address_id
        LEFT JOIN prepared AS p ON p.delivery_id = d.id
        WHERE d.id IN ({db.listed(ids)}) AND d.claim_token = ?
        ORDER BY d.lane, d.turn, d.id
        """,
        token,
    ).fetchall()
    return [claimed_of(row) for row in rows]


def extend(worker: str, *, lease_s: float, now: datetime, tokens: Collection[int] | None = None) -> int:
    """A sign of life: what this worker holds is its own for another `lease_s` seconds.

    With `tokens` only these claims: what nobody in the worker knows about any more runs out. Returns how many
    deliveries were still its own.
    """
    held = (Delivery.claimed_by == worker) & (Delivery.state == DeliveryState.SENDING)
    if tokens is not None:
        held &= Delivery.claim_token.in_(list(tokens))
    with db.transaction():
        count = Delivery.update(lease_until=now + timedelta(seconds=lease_s)).where(held).execute()
    return int(count)


def _given_back(now: datetime, *, uncertain: bool, state: DeliveryState) -> dict[str, object]:
    changes: dict[str, object] = {
        "state": state,
        "claim_token": None,
        "claimed_by": None,
        "lease_until": None,
        "next_at": now,
    }
    if uncertain:
        changes["uncertain"] = True
    return changes


def release(claims: Iterable[tuple[int, int]], *, now: datetime, uncertain: bool = False) -> int:
    """Gives (id, token) pairs back untried, or, if `uncertain`, perhaps already taken by the receiver."""
    by_token: dict[int, list[int]] = defaultdict(list)
    for delivery_id, token in claims:
        by_token[token].append(delivery_id)
    changes = _given_back(now, uncertain=uncertain, state=DeliveryState.QUEUED)
    if not uncertain:
        changes["attempts"] = Delivery.attempts - 1
    count = 0
    with db.transaction():
        for token, ids in by_token.items():
            for start in range(0, len(ids), _CHUNK):
                part = Delivery.id.in_(ids[start : start + _CHUNK])
                count += Delivery.update(**changes).where(part, Delivery.claim_token == token).execute()
    return count


def release_claims(tokens: Collection[int], *, now: datetime) -> int:
    """Gives whole claims back of which nobody knows whether they were made: nothing of them was tried."""
    changes = _given_back(now, uncertain=False, state=DeliveryState.QUEUED)
    changes["attempts"] = Delivery.attempts - 1
    with db.transaction():
        count = Delivery.update(**changes).where(Delivery.claim_token.in_(list(tokens))).execute()
    return int(count)


def release_worker(worker: str, *, uncertain_ids: set[int], now: datetime) -> tuple[int, int]:
    """At the start of a worker: what its killed predecessor still held. Returns (released, uncertain)."""
    with db.transaction():
        held = list(
            Delivery.select(Delivery.id, Delivery.claim_token)
            .where(Delivery.claimed_by == worker, Delivery.state == DeliveryState.SENDING)
            .tuples()
        )
        unsure = [pair for pair in held if pair[0] in uncertain_ids]
        untried = [pair for pair in held if pair[0] not in uncertain_ids]
        return release(untried, now=now), release(unsure, now=now, uncertain=True)


def take_over(now: datetime) -> int:
    """Frees what is held under a lease that ran out; nobody knows how far its worker came."""
    with db.transaction():
        count = (
            Delivery.update(**_given_back(now, uncertain=True, state=DeliveryState.QUEUED))
            .where(Delivery.state == DeliveryState.SENDING, Delivery.lease_until < now)
            .execute()
        )
    return int(count)
