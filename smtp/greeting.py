"""From the TCP connection to a session ready for mail: banner, EHLO, STARTTLS, EHLO again.

Owns what a receiver offers (`Offers`) and the switch to TLS (RFC 3207): 1.2 or newer, what was offered in the
clear is forgotten, and the certificates are judged by the target's policy before another byte is said. In the
clear it goes on only where the policy lets it (RFC 7435). Refuses to send mail and to choose policies. Fails
with `Unreachable`, which carries what the refusal means for a delivery; each one here is temporary.
"""

import functools
import ssl
from dataclasses import dataclass, replace

from appliance import clock
from smtp import verdict
from smtp.reply import Reply
from smtp.terms import CourierSettings, Target, Unreachable
from smtp.transport.judge import judge
from smtp.transport.policy import Failure, Kind
from smtp.verdict import Loss, Stage
from smtp.wire import Lost, Wire


@dataclass(frozen=True, slots=True)
class Offers:
    """The extensions of the EHLO that counts: the last one. None of them after HELO."""

    pipelining: bool = False  # RFC 2920
    size: bool = False  # RFC 1870
    eight_bit_mime: bool = False  # RFC 6152
    starttls: bool = False
    encrypted: bool = False  # the session runs inside TLS
    failure: Failure | None = None  # what was wrong with TLS and let pass


async def open_session(target: Target, settings: CourierSettings) -> tuple[Wire, Offers]:
    """A wire on which MAIL may be said. Raises `Unreachable`."""
    try:
        wire = await Wire.open(
            target.ip,
            target.port,
            source_address=settings.source_address_ipv6 if ":" in target.ip else settings.source_address,
            timeout_s=settings.connect_timeout_s,
        )
    except Lost as lost:
        raise _unreachable(lost.loss, target) from None
    try:
        return wire, await _introduce(wire, target, settings)
    except Lost as lost:
        raise _unreachable(lost.loss, target) from None
    except BaseException:  # also cancellation: no half-open session is left behind
        wire.drop(Loss.CANCELLED)
        raise


async def _introduce(wire: Wire, target: Target, settings: CourierSettings) -> Offers:
    wait_s = settings.reply_timeout_s
    banner = await wire.ask(b"", wait_s)
    if banner.code != 220:
        raise _refused(Stage.BANNER, banner, target)
    offers = await _hello(wire, target, settings)
    policy = target.policy
    if not (settings.starttls or policy.demands_tls):
        return offers
    if not (offers.starttls and await _starts_tls(wire, target, settings)):
        if policy.demands_tls:
            raise _insecure(Failure.STARTTLS_NOT_SUPPORTED)
        return replace(offers, failure=Failure.STARTTLS_NOT_SUPPORTED)
    # DANE wants the name under which the records lie, which a CNAME may have led to (RFC 7672 8.1).
    name = policy.names[0] if policy.kind is Kind.TLSA else target.host
    await wire.start_tls(_context(), name, wait_s)
    failure = judge(policy, wire.peer_chain(), settings.ca_file, clock.now())
    if failure is not None and policy.demands_tls:
        raise _insecure(failure)
    inside = await _hello(wire, target, settings)
    return replace(inside, starttls=False, encrypted=True, failure=failure)


async def _starts_tls(wire: Wire, target: Target, settings: CourierSettings) -> bool:
    """Whether the receiver is ready for the handshake that it offered; 454 and the like are a no."""
    go = await wire.ask(b"STARTTLS\r\n", settings.reply_timeout_s)
    if go.code == 421:
        raise _refused(Stage.HELLO, go, target)
    return go.code == 220


async def _hello(wire: Wire, target: Target, settings: CourierSettings) -> Offers:
    """EHLO, and HELO for a receiver of before 1995 (RFC 5321 3.2)."""
    hostname = settings.hostname.encode("ascii")
    reply = await wire.ask(b"EHLO %b\r\n" % hostname, settings.reply_timeout_s)
    if reply.is_positive:
        return _read_offers(reply)
    if reply.is_permanent:
        reply = await wire.ask(b"HELO %b\r\n" % hostname, settings.reply_timeout_s)
        if reply.is_positive:
            return Offers()
    raise _refused(Stage.HELLO, reply, target)


def _read_offers(reply: Reply) -> Offers:
    words = {line.split(b" ", 1)[0].upper() for line in reply.lines[1:]}
    return Offers(
        pipelining=b"PIPELINING" in words,
        size=b"SIZE" in words,
        eight_bit_mime=b"8BITMIME" in words,
        starttls=b"STARTTLS" in words,
    )


@functools.cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _refused(stage: Stage, reply: Reply, target: Target) -> Unreachable:
    return Unreachable(verdict.of_reply(stage, reply, target.carrier))


def _insecure(failure: Failure) -> Unreachable:
    return Unreachable(verdict.of_insecure(), failure=failure)


def _unreachable(loss: Loss, target: Target) -> Unreachable:
    if loss is Loss.TLS:
        outcome = (
            verdict.of_insecure() if target.policy.demands_tls else verdict.of_loss(loss, committed=False)
        )
        return Unreachable(outcome, failure=Failure.VALIDATION)
    throttled = verdict.is_throttle(loss, target.carrier, accepted=0)
    return Unreachable(verdict.of_loss(loss, committed=False, throttled=throttled))
