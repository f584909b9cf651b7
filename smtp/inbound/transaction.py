"""MAIL and RCPT: the grammar of one mail transaction, without any I/O.

Owns the order of commands, their parameters (RFC 1870 SIZE, RFC 6152 BODY, RFC 4954 AUTH) and the envelope
that grows. Addresses are read by `appliance.address`, never by a header parser: RFC 2047 words, comments and
routes cannot smuggle anything into mail that we send later. Refuses parameters that were not offered.
Every method answers with the reply; none raises.
"""

import re

from appliance.address import Address
from appliance.errors import AddressInvalid
from smtp.inbound import replies
from smtp.inbound.gate import Limits
from smtp.inbound.recipients import Destination, Recipients, Route
from smtp.inbound.replies import Reply

_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?")
_SIZE = re.compile(r"[0-9]{1,20}")


class Transaction:
    """The envelope of the mail that is being announced."""

    def __init__(self, recipients: Recipients, limits: Limits) -> None:
        self._recipients = recipients
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Forgets everything, as RSET, EHLO, STARTTLS and the end of DATA do."""
        self.begun = False
        self.sender: Address | None = None
        self.routes: list[Route] = []

    def mail(self, argument: str) -> Reply:
        """`FROM:<reverse-path> [parameters]`."""
        if self.begun:
            return replies.NESTED_MAIL
        if argument[:5].upper() != "FROM:":
            return replies.BAD_MAIL
        try:
            sender, rest = self._recipients.read(argument[5:])
        except AddressInvalid:
            return replies.BAD_SENDER
        refusal = self._mail_parameters(rest)
        if refusal is not None:
            return refusal
        self.begun, self.sender = True, sender
        return replies.SENDER_OK

    def rcpt(self, argument: str) -> Reply:
        """`TO:<forward-path>`; no parameter is offered, so none is taken."""
        if not self.begun:
            return replies.MAIL_FIRST
        if argument[:3].upper() != "TO:":
            return replies.BAD_RCPT
        try:
            recipient, rest = self._recipients.read(argument[3:])
        except AddressInvalid:
            return replies.BAD_RECIPIENT
        if recipient is None:
            return replies.BAD_RECIPIENT
        if rest:
            return replies.UNKNOWN_PARAMETER if _parameters(rest) is not None else replies.BAD_PARAMETER
        route = self._recipients.route(recipient)
        return route if isinstance(route, Reply) else self._add(route)

    def _add(self, route: Route) -> Reply:
        if route in self.routes:
            return replies.RECIPIENT_OK
        if len(self.routes) >= self._limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        # One mail gets one answer; kinds that can end differently have to come separately.
        if self.routes and self.routes[0].destination is not route.destination:
            return replies.SEND_SEPARATELY
        self.routes.append(route)
        return replies.RECIPIENT_OK

    def not_ready(self) -> Reply | None:
        """Why DATA may not follow now, or None."""
        if not self.begun:
            return replies.MAIL_FIRST
        return None if self.routes else replies.NO_RECIPIENTS

    @property
    def is_for_people(self) -> bool:
        """The content itself will be read, so all of it has to be kept."""
        return bool(self.routes) and self.routes[0].destination is not Destination.REGISTRATION

    def _mail_parameters(self, rest: str) -> Reply | None:
        parameters = _parameters(rest)
        if parameters is None:
            return replies.BAD_PARAMETER
        for name, value in parameters.items():
            if name == "SIZE":
                if value is None or not _SIZE.fullmatch(value):
                    return replies.BAD_PARAMETER
                if int(value) > self._limits.size_bytes:
                    return replies.TOO_LARGE
            elif name == "BODY":
                if value is None or value.upper() not in {"7BIT", "8BITMIME"}:
                    return replies.BAD_PARAMETER
            elif name != "AUTH":  # AUTH=<> comes from peers that never saw an offer; it means nothing here
                return replies.UNKNOWN_PARAMETER
        return None


def _parameters(rest: str) -> dict[str, str | None] | None:
    """ESMTP parameters by upper-case name; None where they are malformed or one comes twice."""
    found: dict[str, str | None] = {}
    for word in rest.split():
        match = _PARAMETER.fullmatch(word)
        if match is None or match[1].upper() in found:
            return None
        found[match[1].upper()] = match[2]
    return found
