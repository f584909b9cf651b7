"""Sends the daily TLS reports (RFC 8460), by mail or by HTTPS, each by one worker.

Owns the order: claim a day of a domain, ask DNS once more who wants it, send, delete the counters. Refuses
the report's form (`smtp.transport.tlsrpt`). What cannot be sent is tried again every hour and given up after
a day; a report that was sent when the worker died before saying so goes out twice, with the same Report-ID.

A report must not itself be kept back by what it reports: it goes under no policy at all (RFC 8460 3).
"""

import random
from collections import Counter
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from appliance import address, clock, log, transport
from appliance.config import Config
from appliance.delivery.outcome import Kind
from appliance.errors import AddressInvalid
from appliance.keys import Keyring
from smtp.dkim import Signer
from smtp.resolver import NoAnswer, Resolver
from smtp.route import NoRoute, Router
from smtp.terms import CourierSettings, Unreachable
from smtp.transport.approach import Approach
from smtp.transport.https import Https, HttpsFailed
from smtp.transport.policies import NoPolicies
from smtp.transport.single import carry
from smtp.transport.store import in_thread
from smtp.transport.tally import DAY_S, Counted, Tally, read
from smtp.transport.tlsrpt import MEDIA_TYPE, Report, Submitter, destinations

_AGAIN = timedelta(hours=1)
_ATTEMPTS_MAX = 24
_ROUND_MAX = 20
_FIRST_S, _LAST_S = (
    1800,
    4 * 3600,
)  # after midnight: when all have flushed, and not all at once (RFC 8460 4.1)


class Reporter:
    """One per worker."""

    def __init__(self, config: Config, keyring: Keyring, resolver: Resolver, https: Https) -> None:
        self._config = config
        self._keyring = keyring
        self._resolver = resolver
        self._https = https
        self._router = Router(config.relay, config.mail.hostname, NoPolicies(resolver))
        self._approach = Approach(Tally(counting=False))
        self._settings = CourierSettings.from_config(config.mail.hostname, config.relay)
        self._begin_s = random.uniform(_FIRST_S, _LAST_S)  # noqa: S311
        self._submitter = Submitter(
            name=config.ward.name_en,
            hostname=config.mail.hostname,
            contact=f"postmaster@{config.mail.registration_domain}",
            ip=config.relay.source_address,
        )

    async def round(self, signer: Signer) -> int:
        """Sends what is due, if it is late enough; how many went out. Raises `DatabaseUnavailable`."""
        now = clock.now()
        day, second = divmod(now.timestamp(), DAY_S)
        sent = 0
        if second < self._begin_s:
            return sent
        for _ in range(_ROUND_MAX):
            due = await in_thread(transport.claim_report, self._keyring, int(day), now, now + _AGAIN)
            if due is None:
                break
            gone = await self._send(due, signer)
            log.tls_reported(gone, due.attempts)
            if gone or due.attempts >= _ATTEMPTS_MAX:
                await in_thread(transport.reported, self._keyring, due, now)
            sent += gone
        return sent

    async def _send(self, due: transport.Due, signer: Signer) -> bool:
        """Whether at least one destination has it; a domain that wants none any more counts as told."""
        try:
            uris = destinations(await self._resolver.texts(f"_smtp._tls.{due.domain}"))
        except NoAnswer:
            return False
        counted: Counter[Counted] = Counter()
        for text in due.texts:
            counted += read(due.day, due.domain, text)
        report = Report(due.day, due.domain, counted, self._submitter)
        taken = [await self._to(uri, report, signer) for uri in uris]
        return any(taken) or not uris

    async def _to(self, uri: str, report: Report, signer: Signer) -> bool:
        if uri.startswith("mailto:"):
            return await self._by_mail(uri, report, signer)
        try:
            url = urlsplit(uri)
        except ValueError:
            return False
        if not url.hostname or "@" in url.netloc or ":" in url.netloc:
            return False  # no passwords, no ports: nobody's inner services
        path = url.path + (f"?{url.query}" if url.query else "")
        try:
            answer = await self._https.post(url.hostname, path or "/", MEDIA_TYPE, report.compressed())
        except HttpsFailed:
            return False
        return 200 <= answer.status < 300

    async def _by_mail(self, uri: str, report: Report, signer: Signer) -> bool:
        try:
            to = address.parse(unquote(urlsplit(uri).path))
        except (AddressInvalid, ValueError):
            return False
        headers, body = report.mail(self._config.mail.from_address, to.wire(quoted=True), clock.now())
        content = signer.template(headers[2:], body).sign(headers[:2])
        try:
            outcome = await carry(
                content, to, "tls-report",
                router=self._router, approach=self._approach, settings=self._settings,
            )  # fmt: skip
        except (NoRoute, Unreachable):
            return False
        return outcome is not None and outcome.kind is Kind.ACCEPTED
