"""Which policy applies to a receiver: DANE before MTA-STS before opportunistic TLS.

Owns that order, the fetching of MTA-STS policies and what of them is at hand in this worker. Refuses
certificates (`smtp.transport.judge`) and sessions (`smtp.transport.approach`). How it fails:

- TLSA cannot be looked up although the host's zone is signed: `NoAnswer`, the host is passed over for now
  (RFC 7672 2.1.2), for an attacker could have made it so;
- a policy cannot be fetched: the one that is kept holds until it expires; without one, delivery goes on as if
  the domain had none (RFC 8461 3.3), and the next attempt is five minutes away;
- the database cannot be asked for what is kept: `NoAnswer`. Not knowing is no reason to be careless.
"""

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from appliance import clock, log
from appliance.errors import DatabaseUnavailable
from smtp.resolver import Addresses, NoAnswer, Resolver
from smtp.transport import tlsrpt
from smtp.transport.https import Https, HttpsFailed
from smtp.transport.mta_sts import OCTETS_MAX, Mode, PolicyInvalid, StsPolicy, record_id
from smtp.transport.policy import OPPORTUNISTIC, Failure, Kind, Level, Policy
from smtp.transport.store import Dated, Store
from smtp.transport.tally import Tally
from smtp.transport.tlsa import Record, usable

_FETCH_S = 8.0
_TXT_S = 5.0
_FAILED_S = 300.0  # RFC 8461 3.3: five minutes or longer
_AT_HAND_S = 43_200.0
_AT_HAND_MAX = 10_000
_RECORDS_MAX = 50  # each may cost the check of a chain
_REFRESH_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a domain wants: its MTA-STS policy if it has one, and whether it wants reports."""

    domain: str
    sts: StsPolicy | None = None
    reported: bool = False
    ttl_s: float = math.inf

    @property
    def are_its_own(self) -> bool:
        """Letters for it must not share connections with those of other domains at the same hosts."""
        return self.sts is not None or self.reported

    @property
    def report_to(self) -> str:
        """The domain to count sessions for, or ""."""
        return self.domain if self.reported else ""


class Policies:
    """One per worker."""

    def __init__(
        self, resolver: Resolver, https: Https, store: Store, tally: Tally, *, port: int = 25
    ) -> None:
        self.resolver = resolver
        self._https = https
        self._store = store
        self._tally = tally
        self._port = port
        self._at_hand: OrderedDict[str, tuple[Dated, float]] = OrderedDict()
        self._failed: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._fetches: dict[str, asyncio.Task[Dated | None]] = {}

    # --- of a domain

    async def terms(self, domain: str) -> Terms:
        """Raises `NoAnswer`."""
        told, asking = await asyncio.gather(
            self._texts(f"_mta-sts.{domain}"), self._texts(f"_smtp._tls.{domain}")
        )
        reported = bool(tlsrpt.destinations(asking))
        try:
            dated = await self._policy(domain, record_id(told), Terms(domain, reported=reported))
        except DatabaseUnavailable:
            raise NoAnswer from None
        if dated is None or dated.policy.mode is Mode.NONE:
            return Terms(domain, reported=reported)
        ttl_s = (dated.expires_at - clock.now()).total_seconds()
        return Terms(domain, dated.policy, reported, ttl_s)

    async def _policy(self, domain: str, id_: str | None, terms: Terms) -> Dated | None:
        kept = await self._kept(domain, id_)
        if id_ is None or (kept is not None and kept.policy.id == id_):
            return kept
        if self._failed.get((domain, id_), -math.inf) > clock.monotonic():
            return kept
        fetch = self._fetches.get(domain)
        if fetch is None:
            fetch = asyncio.create_task(self._fetch(domain, id_, terms), name="mta-sts-fetch")
            self._fetches[domain] = fetch
            fetch.add_done_callback(lambda _: self._fetches.pop(domain, None))
        return await asyncio.shield(fetch) or kept

    async def _kept(self, domain: str, id_: str | None) -> Dated | None:
        """What is at hand or in the database and has not expired; the database may know a newer one."""
        now = clock.now()
        dated, until_s = self._at_hand.get(domain, (None, 0.0))
        fresh = dated is not None and dated.expires_at > now and until_s > clock.monotonic()
        if not fresh or (dated is not None and id_ is not None and dated.policy.id != id_):
            dated = await self._store.read(domain, now)
            if dated is not None:
                self._remember(domain, dated)
        return dated

    def _remember(self, domain: str, dated: Dated) -> None:
        self._at_hand[domain] = (dated, clock.monotonic() + _AT_HAND_S)
        self._at_hand.move_to_end(domain)
        if len(self._at_hand) > _AT_HAND_MAX:
            self._at_hand.popitem(last=False)

    async def _fetch(self, domain: str, id_: str, terms: Terms) -> Dated | None:
        try:
            policy = await self._fetched(domain, id_)
        except _NotFetched as error:
            self._failed[domain, id_] = clock.monotonic() + _FAILED_S
            if len(self._failed) > _AT_HAND_MAX:
                self._failed.popitem(last=False)
            log.mta_sts_fetched(error.failure)
            self._tally.count(terms.report_to, Policy(Kind.STS), "", "", error.failure)
            return None
        dated = Dated(policy, clock.now())
        log.mta_sts_fetched("")
        await self._store.write(domain, dated)
        self._remember(domain, dated)
        return dated

    async def _fetched(self, domain: str, id_: str) -> StsPolicy:
        try:
            answer = await self._https.get(
                f"mta-sts.{domain}", "/.well-known/mta-sts.txt", octets_max=OCTETS_MAX, deadline_s=_FETCH_S
            )
        except HttpsFailed as error:
            raise _NotFetched(Failure.STS_WEBPKI if error.certificate else Failure.STS_FETCH) from None
        if answer.status != 200:  # RFC 8461 3.3: not a redirect either
            raise _NotFetched(Failure.STS_FETCH)
        if answer.content_type != "text/plain" or len(answer.body) > OCTETS_MAX:
            raise _NotFetched(Failure.STS_INVALID)
        try:
            return StsPolicy.parse(id_, answer.body)
        except PolicyInvalid:
            raise _NotFetched(Failure.STS_INVALID) from None

    async def refresh(self) -> None:
        """Fetches again what is due, long before it expires. Raises `DatabaseUnavailable`."""
        now = clock.now()
        for domain in await self._store.claim(now, now + _REFRESH_AGAIN):
            id_ = record_id(await self._texts(f"_mta-sts.{domain}"))
            if id_ is not None:  # without the record it is left to expire
                await self._fetch(domain, id_, Terms(domain))

    async def _texts(self, name: str) -> list[str]:
        """None where they cannot be looked up: neither record is worth deferring a letter."""
        try:
            async with asyncio.timeout(_TXT_S):
                return await self.resolver.texts(name)
        except (NoAnswer, TimeoutError):
            return []

    # --- of a host

    async def of_host(
        self, host: str, addresses: Addresses, terms: Terms, *, mx_secure: bool
    ) -> tuple[Policy | None, float]:
        """The policy for sessions with this MX, None where mail must not go there; and for how many seconds.

        Raises `NoAnswer`.
        """
        dane, ttl_s = await self._dane(host, addresses, terms, mx_secure=mx_secure)
        if dane is not None and dane.level is Level.AUTHENTICATED and mx_secure:
            return dane, ttl_s
        sts = _sts(host, terms)
        if sts is None:  # also with DANE where the MX records themselves are anybody's word
            self._tally.count(terms.report_to, Policy(Kind.STS), host, "", Failure.VALIDATION)
            return None, min(ttl_s, terms.ttl_s)
        if dane is not None and (dane.level is Level.AUTHENTICATED or dane.level >= sts.level):
            return dane, ttl_s
        return sts, min(ttl_s, terms.ttl_s)

    async def _dane(
        self, host: str, addresses: Addresses, terms: Terms, *, mx_secure: bool
    ) -> tuple[Policy | None, float]:
        """RFC 7672 2.2: asked only where the addresses are proved, at the name behind a CNAME first."""
        if not addresses.secure:
            return None, math.inf
        for base in dict.fromkeys((addresses.canonical, host)):
            try:
                found = await self.resolver.tlsa(base, self._port)
            except NoAnswer:
                self._tally.count(terms.report_to, Policy(Kind.TLSA), host, "", Failure.DNSSEC_INVALID)
                raise
            if found.secure and found.records:
                names = dict.fromkeys((base, host, *((terms.domain,) if mx_secure else ())))
                return _of_records(found.records, tuple(names)), found.ttl_s
        return None, math.inf


class NoPolicies(Policies):
    """For mail that must go whatever is demanded: reports about TLS (RFC 8460 3)."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver

    async def terms(self, domain: str) -> Terms:
        return Terms(domain)

    async def of_host(
        self, _host: str, _addresses: Addresses, _terms: Terms, *, mx_secure: bool
    ) -> tuple[Policy | None, float]:
        del mx_secure
        return OPPORTUNISTIC, math.inf


class _NotFetched(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def _sts(host: str, terms: Terms) -> Policy | None:
    sts = terms.sts
    if sts is None:
        return OPPORTUNISTIC
    enforced, listed = sts.mode is Mode.ENFORCE, sts.lists(host)
    if enforced and not listed:
        return None
    level = Level.AUTHENTICATED if enforced else Level.OBSERVED
    return Policy(Kind.STS, level, names=(host,), listed=listed, text=sts.text, mx_patterns=sts.mx)


def _of_records(records: tuple[Record, ...], names: tuple[str, ...]) -> Policy:
    use = usable(records)[:_RECORDS_MAX]
    text = tuple(f"{r.usage} {r.selector} {r.matching} {r.association.hex()}" for r in records[:10])
    level = Level.AUTHENTICATED if use else Level.ENCRYPTED
    return Policy(Kind.TLSA, level, use, names, text=text)
