"""A carrier's outbound server: finds the receiver through DNS and hands over a phone's mail.

Owns one attempt per mail, with opportunistic STARTTLS, from the carrier's own loopback address. Refuses to
queue: the visitor presses the button again. A refusal (5xx) comes back to the phone as a
bounce message, as in life.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formatdate

import dns.exception
import dns.resolver

from appliance.address import parse
from appliance.errors import AddressInvalid
from demo.carriers.mailboxes import Mailboxes
from demo.phones.owners import Phone
from demo.places import LOOPBACK, Places

_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Posted:
    """`code` is the last SMTP reply code, 0 where there was none; `text` its words, or what went wrong."""

    code: int
    text: str

    @property
    def is_taken(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_refused(self) -> bool:
        return self.code >= 500


def post(places: Places, boxes: Mailboxes, phone: Phone, to: str, content: bytes) -> Posted:
    """Hands the mail over, once."""
    try:
        recipient = parse(to)
    except AddressInvalid as error:
        return Posted(553, f"{phone.brand.name}: {error.reason}")
    try:
        host, ip = _receiver(places, recipient.domain)
    except dns.exception.DNSException as error:
        posted = Posted(550, f"5.1.2 {recipient.domain}: {type(error).__name__}")
    else:
        posted = _hand_over(places, phone, (host, ip), recipient.wire(), content)
    if posted.is_refused:
        _bounce(boxes, phone, to, posted)
    return posted


def resolver(places: Places) -> dns.resolver.Resolver:
    """One that asks the town's DNS and nobody else."""
    asked = dns.resolver.Resolver(configure=False)
    asked.nameservers = [LOOPBACK]
    asked.port = places.dns_port
    asked.lifetime = 5
    return asked


def _receiver(places: Places, domain: str) -> tuple[str, str]:
    asked = resolver(places)
    best = min(asked.resolve(domain, "MX"), key=lambda record: record.preference)
    host = best.exchange.to_text(omit_final_dot=True)
    return host, asked.resolve(best.exchange, "A")[0].address


def _hand_over(
    places: Places, phone: Phone, receiver: tuple[str, str], recipient: str, content: bytes
) -> Posted:
    host, ip = receiver
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE  # opportunistic, as between mail servers
    try:
        with smtplib.SMTP(
            local_hostname=phone.brand.mx[0], timeout=_TIMEOUT_S, source_address=(phone.brand.ip, 0)
        ) as session:
            session.connect(ip, places.smtp_port)
            session.ehlo()
            if session.has_extn("starttls"):
                session._host = host  # the name for SNI; smtplib knows only the address  # noqa: SLF001
                session.starttls(context=anybody)
                session.ehlo()
            return _transaction(session, phone.address.wire(), recipient, content)
    except smtplib.SMTPResponseException as error:
        return Posted(error.smtp_code, _words(error.smtp_error))
    except (OSError, smtplib.SMTPException) as error:
        return Posted(0, f"{host}: {type(error).__name__}")


def _transaction(session: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> Posted:
    for command in (f"FROM:<{sender}>", f"TO:<{recipient}>"):
        code, text = session.docmd("MAIL" if command.startswith("FROM") else "RCPT", command)
        if code >= 300:
            return Posted(code, _words(text))
    code, text = session.data(content)
    return Posted(code, _words(text))


def _words(text: bytes | str) -> str:
    return text.decode("ascii", "replace") if isinstance(text, bytes) else text


def _bounce(boxes: Mailboxes, phone: Phone, to: str, posted: Posted) -> None:
    domain = phone.address.domain
    message = MIMEText(
        "メールを送信できませんでした。 Your mail could not be delivered.\n\n"
        f"<{to}>:\n{posted.code} {posted.text}\n",
        "plain",
        "utf-8",
    )
    message["From"] = f"MAILER-DAEMON@{domain}"
    message["To"] = phone.mail_address
    message["Subject"] = "Undelivered Mail Returned to Sender"
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-replied"
    boxes.deposit(phone.box, "", message.as_bytes(policy=compat32.clone(linesep="\r\n")), encrypted=True)
