"""Inbound routing by address: where a recipient leads, decided at RCPT.

Owns the table below and nothing else; local parts are compared without case. Refuses to know whether a code
exists: existence must not show in the dialogue, so every code-shaped local part is welcome and the letter
that follows is kind. "Where to?" is answered with a `Route`, or with the reply that says no.

| recipient | answer |
|---|---|
| code-shaped part at the registration domain | registration |
| `postmaster`, `abuse` at any domain of ours, `postmaster` alone (RFC 5321 4.5.1) | kept for people |
| a return path of ours at the bounce domain, MAC valid, not too old | bounce |
| a signed address for answers at the registration domain, MAC valid | answer |
| `toiawase`, `inquiry` at the registration domain | inquiry |
| what a member of staff asked for, at the registration domain | notices |
| the From address of our mail | 550 5.7.1, it only sends |
| anything else at a domain of ours | 550 5.1.1 |
| any other domain | 550 5.7.1, no relaying |
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from appliance import address, clock, notice
from appliance.address import Address
from appliance.config.schema import Mail
from smtp import answer_address, return_path
from smtp.inbound import replies
from smtp.inbound.replies import Reply

_INQUIRIES = frozenset({"toiawase", "inquiry"})
_FOR_PEOPLE = frozenset({"postmaster", "abuse"})


class Destination(StrEnum):
    """What kind of thing a recipient is. One mail has recipients of one kind only."""

    REGISTRATION = "registration"
    POSTMASTER = "postmaster"
    BOUNCE = "bounce"
    ANSWER = "answer"
    INQUIRY = "inquiry"
    NOTICES = "notices"


@dataclass(frozen=True, slots=True)
class Route:
    """Where one recipient leads. `local_part` is folded; `delivery_id` is of bounces and answers."""

    destination: Destination
    local_part: str
    delivery_id: int = 0


class Recipients:
    """The table, for one configuration."""

    def __init__(self, mail: Mail, return_path_key: bytes, is_code_shaped: Callable[[str], bool]) -> None:
        self._registration_domain = mail.registration_domain
        self._bounce_domain = mail.bounce_domain
        self._hostname = mail.hostname
        self._from = address.parse(mail.from_address)
        self._key = return_path_key
        self._life_days = mail.return_path_days
        self._is_code_shaped = is_code_shaped
        self.domains = frozenset(
            {mail.registration_domain, mail.bounce_domain, mail.hostname, self._from.domain}
        )

    def read(self, argument: str) -> tuple[Address | None, str]:
        """`address.parse_path`, and `<postmaster>` alone, which means ours. Raises `AddressInvalid`."""
        if argument.lstrip(" ")[:12].lower() == "<postmaster>":
            return Address("postmaster", self._hostname), argument.lstrip(" ")[12:].strip(" ")
        return address.parse_path(argument)

    def route(self, recipient: Address) -> Route | Reply:
        """Where this recipient leads, or the refusal."""
        if recipient.domain not in self.domains:
            return replies.NO_RELAYING
        local_part = recipient.local.lower()
        if local_part in _FOR_PEOPLE:
            return Route(Destination.POSTMASTER, local_part)
        if recipient.domain == self._bounce_domain and return_path.is_shaped(local_part):
            return self._bounce(local_part)
        if recipient.domain == self._registration_domain and self._is_code_shaped(local_part):
            return Route(Destination.REGISTRATION, local_part)
        if recipient.domain == self._registration_domain and answer_address.is_shaped(local_part):
            return self._answer(local_part)
        if recipient.domain == self._registration_domain and local_part in _INQUIRIES:
            return Route(Destination.INQUIRY, local_part)
        if recipient.domain == self._registration_domain and notice.is_shaped(local_part):
            return Route(Destination.NOTICES, local_part)
        if recipient.index_form == self._from.index_form:
            return replies.NOBODY_READS
        return replies.NO_SUCH_RECIPIENT

    def _bounce(self, local_part: str) -> Route | Reply:
        try:
            delivery_id = return_path.read(self._key, local_part, now=clock.now(), life_days=self._life_days)
        except (return_path.ReturnPathForged, return_path.ReturnPathExpired):
            return replies.NO_SUCH_RECIPIENT
        return Route(Destination.BOUNCE, local_part, delivery_id)

    def _answer(self, local_part: str) -> Route | Reply:
        try:
            return Route(Destination.ANSWER, local_part, answer_address.read(self._key, local_part))
        except answer_address.AnswerAddressForged:
            return replies.NO_SUCH_RECIPIENT
