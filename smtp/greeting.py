"""From the TCP connection to a session ready for mail: banner, EHLO, STARTTLS, EHLO again.

Owns what a receiver offers (`Offers`) and opportunistic TLS (RFC 3207, RFC 7435): no certificate is checked,
TLS is 1.2 or newer, and what was offered in the clear is forgotten after the handshake. Refuses to send mail.
Fails with `Unreachable`, which carries what the refusal means for a delivery; each one here is temporary.
"""

import functools
import ssl
from dataclasses import dataclass

from smtp import verdict
from smtp.reply import Reply
from smtp.terms import CourierSettings, Target, Unreachable
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
    if not (offers.starttls and settings.starttls):
        return offers
    go = await wire.ask(b"STARTTLS\r\n", wait_s)
    if go.code == 421:
        raise _refused(Stage.HELLO, go, target)
    if go.code != 220:
        return offers  # 454 and the like: opportunistic means in the clear, then
    await wire.start_tls(_context(), target.host, wait_s)
    inside = await _hello(wire, target, settings)
    return Offers(inside.pipelining, inside.size, inside.eight_bit_mime, starttls=False, encrypted=True)


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


def _unreachable(loss: Loss, target: Target) -> Unreachable:
    throttled = verdict.is_throttle(loss, target.carrier, accepted=0)
    return Unreachable(verdict.of_loss(loss, committed=False, throttled=throttled), tls=loss is Loss.TLS)
