"""Inbound SMTP: empty mails, bounces and mail for the postmaster come in here.

Owns the way from the socket to the commit: `listener` (sockets, drain), `certificate`, `gate` (who may come
in, how much a session may cost), `proxy` (the balancer's header), `session` and `command` (the protocol),
`transaction` (MAIL and RCPT), `recipients` (routing), `body` (DATA), `guards` (RFC 3834), `authenticity`
(SPF, DKIM, DMARC, on `checks` and `lookup`), `answering` with `reading` and `charsets` (what guardians write
back), `intake` and `batcher` (the commit), `postmaster`, `replies`.
Refuses to know what a registration is. Promise: 250 only after the commit, 451 in any doubt.
Fails at start with `PortBusy`, `ConfigInvalid` and `SecretMissing`; later only towards one peer at a time.
"""

import socket
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_network

from appliance import clock, delivery, log, registration
from appliance.config import Config
from appliance.keys import Keyring
from appliance.registration import Budgets, Request
from smtp import bounce
from smtp.inbound.answering import Acts, Answering
from smtp.inbound.authenticity import Judge
from smtp.inbound.batcher import Batcher, Commit
from smtp.inbound.certificate import Certificate
from smtp.inbound.gate import Gate, Limits
from smtp.inbound.intake import COMMIT_DEADLINE_S, InboundMail, Intake
from smtp.inbound.listener import Inbound, bind
from smtp.inbound.recipients import Recipients
from smtp.inbound.session import Door

RETURN_PATH_KEY = "return-path.key"
_DAEMONS = frozenset(
    {"mailer-daemon", "postmaster"}
)  # some Japanese gateways bounce under these, against RFC 5321


async def start(
    config: Config,
    keyring: Keyring,
    *,
    sockets: Sequence[socket.socket] | None = None,
    commit: Commit | None = None,
    bounced: Callable[[InboundMail, int], None] | None = None,
    acts: Acts | None = None,
    limits: Limits | None = None,
    commit_deadline_s: float = COMMIT_DEADLINE_S,
) -> Inbound:
    """Listens as configured, in the running loop; `Inbound.close()` drains.

    `sockets` are bound ones instead of `mail.listen`; `commit` stands in for `registration.request_many`,
    `acts` for `appliance.answer`;
    `bounced` (blocking, called in a thread, with the mail and the delivery's id) learns of mail to our return
    paths; `limits` replaces the configured ones;
    after `commit_deadline_s` a peer hears 451, though the commit may still come about.
    Raises `PortBusy`, `ConfigInvalid`, `SecretMissing`.
    """
    recipients = Recipients(config.mail, keyring.secret(RETURN_PATH_KEY), registration.is_code_shaped)
    judge = Judge.of(config)
    batcher = Batcher(commit or partial(_commit, config, keyring))
    intake = Intake(
        batcher,
        recipients.domains,
        config.relay.spool_dir / "postmaster",
        bounced or note_bounce,
        judge,
        commit_deadline_s,
        Answering(batcher, acts or Acts.of(config, keyring), commit_deadline_s),
    )
    mail = config.mail
    tls = Certificate(mail.tls_cert, mail.tls_key) if mail.tls_cert and mail.tls_key else None
    balancers = tuple(ip_network(text) for text in mail.balancers)
    gate = Gate(limits or Limits.of(mail))
    inbound = Inbound(Door(mail.hostname, gate, recipients, intake, tls, balancers, set()), batcher)
    await inbound.listen(sockets if sockets is not None else bind(config.mail.listen))
    log.inbound_listening(len(inbound.endpoints), tls is not None)
    return inbound


def _commit(config: Config, keyring: Keyring, requests: Sequence[Request]) -> Sequence[object]:
    return registration.request_many(
        keyring,
        requests,
        now=clock.now(),
        budget=config.mail.requests_per_address_per_hour,
        budgets=Budgets.of(config.mail),
        token_hours=config.registration.token_hours,
    )


def note_bounce(mail: InboundMail, delivery_id: int) -> None:
    """Records what a bounce tells: the signed return path says about whom, the report why.

    Bounces have no sender, or a mailer daemon for one. What a guardian, or his vacation program, writes
    to a return path is no bounce. Only a failure that is final for this mail changes the delivery; a
    delay is counted in the log.
    """
    if mail.sender is not None and mail.sender.local.lower() not in _DAEMONS:
        log.bounce_received(delivery_id, "none", "", "none")
        return
    findings = bounce.read(mail.body.beginning)
    found = next((finding for finding in findings if finding.is_final), findings[0] if findings else None)
    if found is None:
        log.bounce_received(delivery_id, "none", "", "none")
        return
    news = delivery.News.NONE
    if found.is_final:
        told = delivery.Bounce(found.reply_code, found.status, found.reason)
        news = delivery.bounced(delivery_id, told, now=clock.now())
    log.bounce_received(delivery_id, found.class_, found.cause, news)


__all__ = ["Inbound", "InboundMail", "bind", "start"]
