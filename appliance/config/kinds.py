"""The kinds of values that the configuration's text may hold.

Owns the checks of single values. Refuses to know settings. Fails with ValueError, in words that say what was
expected; pydantic names the key.
"""

import re
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict

from appliance import address
from appliance.errors import AddressInvalid


def _endpoint(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("expected host:port, for example 127.0.0.1:8001 or [::1]:25")
    return text


def _host_name(text: str) -> str:
    if not re.fullmatch(
        r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])", text
    ):
        raise ValueError("expected a lower-case host name such as mail.example.lg.jp")
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", text):
        raise ValueError("expected scheme and host only, for example https://touroku.example.lg.jp")
    return text


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected one printable line")
    return text


def _ip_family(text: str) -> str:
    if text not in ("ipv4", "ipv6"):
        raise ValueError("expected ipv4 or ipv6")
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        raise ValueError("expected an IANA time zone such as Asia/Tokyo") from None
    return text


def _month_day(text: str) -> str:
    try:
        if not re.fullmatch(r"[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        date(2001, int(text[:2]), int(text[3:]))  # no leap year: a term begins every year
    except ValueError:
        raise ValueError("expected a day as MM-DD, for example 04-01") from None
    return text


def _mailbox(text: str) -> str:
    try:
        address.parse(text)
    except AddressInvalid as error:
        raise ValueError(f"expected one mail address: {error.reason}") from None
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError("expected a network such as 192.0.2.8/32 or 2001:db8::/64") from None
    return text


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("expected an IP address such as 203.0.113.5 or 2001:db8::5") from None


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Ip = Annotated[str, AfterValidator(_ip)]
HostName = Annotated[str, AfterValidator(_host_name)]
Origin = Annotated[str, AfterValidator(_origin)]
Line = Annotated[str, AfterValidator(_line)]
IpFamily = Annotated[str, AfterValidator(_ip_family)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
MonthDay = Annotated[str, AfterValidator(_month_day)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
NetworkText = Annotated[str, AfterValidator(_network)]


class Section(BaseModel):
    """A table of the file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
