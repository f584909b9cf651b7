"""Mail addresses: parse, canonical form, wire form, masked form, carrier.

Owns every operation on an address string; no other module takes one apart. Accepts what Japanese carriers
really issued although RFC 5321 forbids it (`a..b@docomo.ne.jp`, `ab.@docomo.ne.jp`, `.ab@ezweb.ne.jp`).
Refuses control characters, non-ASCII local parts (no SMTPUTF8 here), address literals and source routes
whose last hop is missing. Fails with `AddressInvalid`, whose reason never repeats the text. All parsing is
linear in the input.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from appliance.errors import AddressInvalid

LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1
PATH_OCTETS = 254  # RFC 5321 4.5.3.1.3 less the angle brackets

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_UNQUOTED = re.compile(rf"[{_ATEXT}.]+")
_QUOTED_CONTENT = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"')
_FIELD_OCTETS = 998  # a line of RFC 5322; it also bounds what an odd field costs
_ASIDE = re.compile(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)', re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_DOT_STRING = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*")  # RFC 5321 4.1.2


class Carrier(StrEnum):
    """Who receives, as far as the domain tells; the words of pages and of shaping."""

    DOCOMO = "docomo"
    AU = "au"
    SOFTBANK = "softbank"
    YAHOO_JP = "yahoo_jp"
    GOOGLE = "google"
    APPLE = "apple"
    MICROSOFT = "microsoft"
    OTHER = "other"


_CARRIERS = {
    "docomo.ne.jp": Carrier.DOCOMO,
    "ezweb.ne.jp": Carrier.AU,
    "au.com": Carrier.AU,
    "uqmobile.jp": Carrier.AU,
    "softbank.ne.jp": Carrier.SOFTBANK,
    "i.softbank.jp": Carrier.SOFTBANK,
    "ymobile.ne.jp": Carrier.SOFTBANK,
    "ymobile1.ne.jp": Carrier.SOFTBANK,
    "yahoo.co.jp": Carrier.YAHOO_JP,
    "ybb.ne.jp": Carrier.YAHOO_JP,
    "gmail.com": Carrier.GOOGLE,
    "googlemail.com": Carrier.GOOGLE,
    "icloud.com": Carrier.APPLE,
    "me.com": Carrier.APPLE,
    "mac.com": Carrier.APPLE,
    "outlook.com": Carrier.MICROSOFT,
    "outlook.jp": Carrier.MICROSOFT,
    "hotmail.com": Carrier.MICROSOFT,
    "hotmail.co.jp": Carrier.MICROSOFT,
    "live.jp": Carrier.MICROSOFT,
}


def carrier_of(domain: str) -> Carrier:
    """The carrier that serves a (lower-case) domain; `Carrier.OTHER` where none is known."""
    carrier = _CARRIERS.get(domain)
    if carrier is None and domain.endswith((".vodafone.ne.jp", ".jp-t.ne.jp")):  # d./t./r.… of old
        return Carrier.SOFTBANK
    return carrier or Carrier.OTHER


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. `local` is unquoted content exactly as given; `domain` is a lower-case A-label name."""

    local: str
    domain: str

    @property
    def canonical(self) -> str:
        """`local@domain` with dots and case of the local part untouched; what is sealed and kept.

        Quoted only where it could not be read back without: `parse(canonical)` is this address again.
        """
        return self.wire()

    @property
    def index_form(self) -> str:
        """The form under which an address is found again: case folded, because no carrier tells apart."""
        return f"{self.local.lower()}@{self.domain}"

    @property
    def carrier(self) -> Carrier:
        return carrier_of(self.domain)

    @property
    def is_odd(self) -> bool:
        """Its local part breaks the dot-string grammar of RFC 5321, as carriers' old addresses do."""
        return _DOT_STRING.fullmatch(self.local) is None

    def wire(self, *, quoted: bool = False) -> str:
        """For MAIL and RCPT, without the brackets. Unquoted first: docomo and au expect `a..b@` bare.

        A local part that cannot stand unquoted (spaces, brackets) is always quoted.
        """
        if _DOT_STRING.fullmatch(self.local):
            return f"{self.local}@{self.domain}"
        if quoted and self.is_odd or _UNQUOTED.fullmatch(self.local) is None:
            escaped = self.local.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"@{self.domain}'
        return f"{self.local}@{self.domain}"

    @property
    def masked(self) -> str:
        """For pages of people who may know that an address is there but not read it."""
        return f"{self.local[:1]}***@{self.domain}"

    def __str__(self) -> str:
        """Masked, so that an address printed by mistake does not leak."""
        return self.masked

    def __repr__(self) -> str:
        return f"Address({self.masked})"


def parse(text: str) -> Address:
    """One bare address (`local@domain` or `"local"@domain`). Raises `AddressInvalid`."""
    address, rest = _mailbox(text, 0)
    if rest != len(text):
        raise AddressInvalid("unexpected characters after the address")
    return address


def read(canonical: str) -> Address:
    """An address back from its `canonical` form. Raises `AddressInvalid` on what cannot be one.

    `parse` judged it before it was kept; a broadcast reads 43,000 of them and judges none twice.
    """
    local, at, domain = canonical.rpartition("@")
    if canonical.startswith('"'):
        return parse(canonical)
    if not (local and at and domain):
        raise AddressInvalid("not a canonical address")
    return Address(local, domain)


def author_domain(field: str) -> str | None:
    """The domain of a From field (RFC 5322 3.6.2) that names one author; None in any doubt.

    Display name, quotes and comments are not looked at; what is left must hold exactly one @.
    """
    if len(field) > _FIELD_OCTETS:
        return None
    bare = _ASIDE.sub(" ", field)
    if "<" in bare or ">" in bare:
        before, _, rest = bare.partition("<")
        inside, closed, after = rest.partition(">")
        if not closed or any(sign in before + inside + after for sign in "<>,;:"):
            return None
        bare = inside
    local, at, domain = bare.strip().partition("@")
    if not at or "@" in domain or not local or "," in bare:
        return None
    return _domain_or_none(domain.strip())


def parse_path(argument: str) -> tuple[Address | None, str]:
    """The `<path> parameters` of MAIL FROM and RCPT TO (RFC 5321 4.1.2), after the colon.

    Returns the address, or None for the null reverse-path `<>`, and the parameters that follow. A source
    route (`<@a,@b:user@c>`) is accepted and ignored as RFC 5321 appendix C asks. Raises `AddressInvalid`.
    """
    text = argument.lstrip(" ")
    if not text.startswith("<"):
        raise AddressInvalid("no angle brackets")
    if text.startswith("<>"):
        return None, _parameters(text[2:])
    start = 1
    if text.startswith("<@"):
        colon = text.find(":")
        if colon < 0 or not all(
            hop.startswith("@") and _domain_or_none(hop[1:]) for hop in text[1:colon].split(",")
        ):
            raise AddressInvalid("malformed source route")
        start = colon + 1
    address, end = _mailbox(text, start)
    if text[end : end + 1] != ">":
        raise AddressInvalid("no closing bracket")
    return address, _parameters(text[end + 1 :])


def _parameters(rest: str) -> str:
    if rest and not rest.startswith(" "):
        raise AddressInvalid("no space before the parameters")
    return rest.strip(" ")


def _mailbox(text: str, start: int) -> tuple[Address, int]:
    """Parses from `start`; returns the address and where it ended."""
    match = _QUOTED_CONTENT.match(text, start)
    if match is not None:
        local = re.sub(r"\\(.)", r"\1", match[1])
    else:
        match = _UNQUOTED.match(text, start)
        if match is None:
            raise AddressInvalid("no local part")
        local = match[0]
    if not local:
        raise AddressInvalid("empty local part")
    if len(local) > LOCAL_OCTETS:
        raise AddressInvalid("local part longer than 64 octets")
    at = match.end()
    if text[at : at + 1] != "@":
        raise AddressInvalid("no @ after the local part")
    end = at + 1
    while end < len(text) and text[end] not in "> ":
        end += 1
    domain = _domain_or_none(text[at + 1 : end])
    if domain is None:
        raise AddressInvalid("malformed domain")
    if len(local) + 1 + len(domain) > PATH_OCTETS:
        raise AddressInvalid("longer than 254 octets")
    return Address(local, domain), end


def _domain_or_none(text: str) -> str | None:
    """Lower-case A-labels of a host name with at least two labels, or None."""
    if len(text) > 253:
        return None
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    text = text.lower()
    labels = text.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return None
    return text if all(_LABEL.match(label) for label in labels) else None


_IN_TEXT = re.compile(rf"[{_ATEXT}.]{{1,64}}@[A-Za-z0-9.-]{{3,253}}")


def find(text: str) -> tuple[list[Address], str]:
    """The different unquoted addresses that stand in a text, and the text without them. Never fails."""
    found: dict[Address, None] = {}

    def take(match: re.Match[str]) -> str:
        try:
            found[parse(match[0].removeprefix("mailto:").rstrip(".-"))] = None
        except AddressInvalid:
            return match[0]
        return " "

    rest = _IN_TEXT.sub(take, text[:10_000])
    return list(found), rest
