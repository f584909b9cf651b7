"""A mail that this node, and no other, sends at once: does the program that was just installed reach anybody?

Owns that one mail to the operators: written, signed, routed and carried by the code that carries all others,
with the zone's own keys, policies and resolver. Refuses the queue, in which any node's worker would take it,
and guardians. Fails with `OperatorError`, which says how far it came.
"""

import secrets
import socket
from email.utils import format_datetime

from appliance import address, clock
from appliance.config import Config
from appliance.delivery.outcome import Kind, Outcome
from appliance.errors import OperatorError
from appliance.keys import Keyring
from smtp.render import Renderer
from smtp.route import NoRoute, Router
from smtp.terms import CourierSettings, Unreachable
from smtp.transport.single import carry
from smtp.transport.worker import Transport

_SUBJECT = "Karamail: %s sends mail"
_BODY = "This mail was sent by {host} after an upgrade, to see that it sends mail. Nothing is to be done.\r\n"


async def send(config: Config, keyring: Keyring) -> Outcome:
    """Sends it, and returns when the receiver has it. Raises `OperatorError`."""
    if config.faults.mail_to is None:
        raise OperatorError("nobody to send it to: set faults.mail_to (alerts_mail_to in the inventory)")
    to = address.parse(config.faults.mail_to)
    signer = Renderer(config, keyring).signer
    transport = Transport(config, keyring, signer)
    host = socket.gethostname()
    domain = config.mail.from_domain
    headers = [
        (b"From", f"<{config.mail.from_address}>".encode()),
        (b"To", f"<{to.wire(quoted=True)}>".encode()),
        (b"Subject", (_SUBJECT % host).encode()),
        (b"Date", format_datetime(clock.now()).encode()),
        (b"Message-ID", f"<canary.{secrets.token_hex(16)}@{domain}>".encode()),
        (b"Auto-Submitted", b"auto-generated"),
    ]
    content = signer.template(headers[2:], _BODY.format(host=host).encode()).sign(headers[:2])
    try:
        outcome = await carry(
            content, to, "canary",
            router=Router(config.relay, config.mail.hostname, transport.policies),
            approach=transport.approach,
            settings=CourierSettings.from_config(config.mail.hostname, config.relay),
        )  # fmt: skip
    except NoRoute as error:
        raise OperatorError(f"no way to the receiver: {error}") from None
    except Unreachable as error:
        raise OperatorError(f"the receiver cannot be reached: {error}") from None
    if outcome is None:
        raise OperatorError("the connection ended before the receiver had it")
    if outcome.kind is not Kind.ACCEPTED:
        raise OperatorError(f"the receiver did not take it: {outcome.kind} {outcome.code} {outcome.enhanced}")
    return outcome
