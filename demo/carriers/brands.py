"""The six carriers and their habits, as data.

Owns names, domains, loopback addresses, limits and the words of their refusals; `{address}` in a reply stands
for the recipient. Refuses behaviour: `dialog` reads these settings. The words are those of published bounce
samples where there are any. Cannot fail.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from appliance.address import Address, Carrier


class Filtering(StrEnum):
    """What the carrier answers when the guardian's own filter hits."""

    LIKE_UNKNOWN = "like_unknown"  # the very words of an unknown user: nobody can tell
    SILENT = "silent"  # 250, and the mail is gone


@dataclass(frozen=True, slots=True)
class Brand:
    """One carrier. Sizes in octets; `header_limit` 0 means none."""

    carrier: Carrier
    name: str
    domains: tuple[str, ...]
    mx: tuple[str, ...]
    ip: str
    unknown: str
    full: str
    filtering: Filtering
    refuses_after_data: bool = False  # docomo takes RCPT and says 550 at the final dot
    takes_odd_addresses: bool = False
    size_limit: int = 10_000_000
    header_limit: int = 0
    line_limit: int = 0
    connections: int = 200  # at once from one address; more get 421

    def accepts_syntax(self, address: Address) -> bool:
        """Could this carrier have issued it, by its own rules?"""
        if self.takes_odd_addresses:
            return re.fullmatch(r"[A-Za-z0-9._+-]{1,40}", address.local) is not None
        return not address.is_odd

    def box(self, address: Address) -> str:
        """The name under which the mailbox is kept: case folded everywhere; Google ignores dots and +tags."""
        local = address.local.lower()
        if self.carrier is Carrier.GOOGLE:
            local = local.split("+")[0].replace(".", "")
        return f"{local}@{address.domain}"


BRANDS = (
    Brand(
        Carrier.DOCOMO, "ドコモ", ("docomo.ne.jp",), ("mfsmax.docomo.ne.jp",), "127.0.0.11",
        unknown="550 Unknown user {address}",
        full="552 Too much mail data",
        filtering=Filtering.LIKE_UNKNOWN,
        refuses_after_data=True,
        takes_odd_addresses=True,
        line_limit=1000,
    ),
    Brand(
        Carrier.AU, "au", ("ezweb.ne.jp", "au.com"), ("lsean.ezweb.ne.jp",), "127.0.0.12",
        unknown="550 <{address}>: User unknown",
        full="552 5.2.2 <{address}>: Mailbox full",
        filtering=Filtering.LIKE_UNKNOWN,
        takes_odd_addresses=True,
    ),
    Brand(
        Carrier.SOFTBANK, "ソフトバンク", ("softbank.ne.jp", "i.softbank.jp"), ("mx.softbank.ne.jp",),
        "127.0.0.13",
        unknown="550 Invalid recipient: <{address}>",
        full="552 5.2.2 <{address}>: Mailbox full",
        filtering=Filtering.SILENT,
        size_limit=1_000_000,
        header_limit=12_288,
    ),
    Brand(
        Carrier.GOOGLE, "Gmail", ("gmail.com",),
        ("gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"), "127.0.0.14",
        unknown=(
            "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n"
            "550-5.1.1 double-checking the recipient's email address for typos or\r\n"
            "550 5.1.1 unnecessary spaces. - gsmtp"
        ),
        full="452 4.2.2 The email account that you tried to reach is over quota. - gsmtp",
        filtering=Filtering.SILENT,
    ),
    Brand(
        Carrier.YAHOO_JP, "Yahoo!メール", ("yahoo.co.jp",), ("mx1.mail.yahoo.co.jp", "mx2.mail.yahoo.co.jp"),
        "127.0.0.15",
        unknown="550 5.1.1 <{address}>: user unknown",
        full="552 5.2.2 <{address}>: mailbox is full",
        filtering=Filtering.SILENT,
    ),
    Brand(
        Carrier.APPLE, "iCloud", ("icloud.com",), ("mx01.mail.icloud.com", "mx02.mail.icloud.com"),
        "127.0.0.16",
        unknown="550 5.1.1 <{address}>: user does not exist",
        full="552 5.2.2 <{address}>: user is over quota",
        filtering=Filtering.SILENT,
    ),
)  # fmt: skip

BY_DOMAIN = {domain: brand for brand in BRANDS for domain in brand.domains}
