"""The six carriers and their habits, as data.

Owns names, domains, loopback addresses, the words of their refusals and their everyday `Manners`; `{address}`
in a reply stands for the recipient. Refuses behaviour: `dialog` and `door` read these settings. Cannot fail.

Where the words are from: refusals of docomo, au and SoftBank from published bounce samples (the Sisimai
corpus); Google's 4.7.28 and Apple's 4.7.1 from what senders quote of them. Words marked "invented" nobody has
published. No carrier publishes a limit: everyday manners have none, scenarios set them.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.address import Address, Carrier
from demo.carriers.manners import RESET, Manners


class Filtering(StrEnum):
    """What the carrier answers when the guardian's own filter hits."""

    LIKE_UNKNOWN = "like_unknown"  # the very words of an unknown user: nobody can tell
    SILENT = "silent"  # 250, and the mail is gone


@dataclass(frozen=True, slots=True)
class Brand:
    """One carrier. `key` is its name in scenarios and counts."""

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
    manners: Manners = field(default_factory=Manners)
    label: str = ""

    @property
    def key(self) -> str:
        return self.label or self.carrier.value

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
        manners=Manners(line_limit=1000, too_fast="421 4.7.0 Service not available"),  # words invented
    ),
    Brand(
        Carrier.AU, "au", ("ezweb.ne.jp", "au.com"), ("lsean.ezweb.ne.jp",), "127.0.0.12",
        unknown="550 <{address}>: User unknown",
        full="552 5.2.2 <{address}>: Mailbox full",
        filtering=Filtering.LIKE_UNKNOWN,
        takes_odd_addresses=True,
        manners=Manners(too_many=RESET, too_fast=RESET),  # a reset is au's wish for less
    ),
    Brand(
        Carrier.SOFTBANK, "ソフトバンク", ("softbank.ne.jp", "i.softbank.jp"), ("mx.softbank.ne.jp",),
        "127.0.0.13",
        unknown="550 Invalid recipient: <{address}>",
        full="552 5.2.2 <{address}>: Mailbox full",
        filtering=Filtering.SILENT,
        manners=Manners(
            size_limit=1_000_000, header_limit=12_288,
            too_fast="421 4.7.0 Service not available",  # words invented
        ),
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
        manners=Manners(
            too_many="421 4.7.0 Try again later, closing connection. - gsmtp",
            too_fast=(
                "421-4.7.28 Our system has detected an unusual rate of unsolicited mail originating\r\n"
                "421-4.7.28 from your IP address. To protect our users from spam, mail sent from your\r\n"
                "421 4.7.28 IP address has been temporarily rate limited. - gsmtp"
            ),
        ),
    ),
    Brand(
        Carrier.YAHOO_JP, "Yahoo!メール", ("yahoo.co.jp",), ("mx1.mail.yahoo.co.jp", "mx2.mail.yahoo.co.jp"),
        "127.0.0.15",
        unknown="550 5.1.1 <{address}>: user unknown",
        full="552 5.2.2 <{address}>: mailbox is full",
        filtering=Filtering.SILENT,
        manners=Manners(too_fast="421 4.7.0 Messages temporarily deferred due to unexpected volume"),
    ),
    Brand(
        Carrier.APPLE, "iCloud", ("icloud.com",), ("mx01.mail.icloud.com", "mx02.mail.icloud.com"),
        "127.0.0.16",
        unknown="550 5.1.1 <{address}>: user does not exist",
        full="552 5.2.2 <{address}>: user is over quota",
        filtering=Filtering.SILENT,
        manners=Manners(too_fast="421 4.7.1 Messages temporarily deferred: connection or message rate"),
    ),
)  # fmt: skip


def other(label: str, domain: str, ip: str) -> Brand:
    """A receiver of no great name: one of the many domains beside the carriers."""
    return Brand(
        Carrier.OTHER, label, (domain,), (f"mx.{domain}",), ip,
        unknown="550 5.1.1 <{address}>: Recipient address rejected: User unknown",
        full="452 4.2.2 <{address}>: Mailbox full",
        filtering=Filtering.SILENT,
        takes_odd_addresses=True,
        label=label,
    )  # fmt: skip


BY_DOMAIN = {domain: brand for brand in BRANDS for domain in brand.domains}
