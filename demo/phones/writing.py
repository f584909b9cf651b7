"""What a phone makes of the mail that its owner writes.

Owns the flavours: signature, HTML shell, ISO-2022-JP, advert. The empty mail is therefore hardly ever empty,
as in life. Refuses to send. Characters that ISO-2022-JP lacks become 「?」, as on such phones.
"""

import html
import secrets
from email.charset import BASE64, Charset
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formatdate

from demo.phones.owners import Flavour, Phone

_SIGNATURES = {
    Flavour.IPHONE: "iPhoneから送信",
    Flavour.WEBMAIL: "----------\nYahoo!メールで、もっと便利に。容量無制限(広告)",
}
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = BASE64


def compose(
    phone: Phone, to: str, subject: str, text: str, *, answers: str = "", empty: bool = False
) -> bytes:
    """A mail as the phone would hand it to its carrier. `answers`: the Message-ID of what it replies to."""
    charset = "iso-2022-jp" if phone.flavour is Flavour.FEATURE else "utf-8"
    message = _body(phone, text, charset, empty=empty)
    message["From"] = phone.mail_address
    message["To"] = to
    message["Subject"] = Header(subject, _charset(charset, subject), errors="replace")
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{secrets.token_hex(12)}@{phone.address.domain}>"
    if answers:
        message["In-Reply-To"] = answers
        message["References"] = answers
    if phone.flavour is Flavour.IPHONE:
        message["X-Mailer"] = "iPhone Mail (22B91)"
    return message.as_bytes(policy=compat32.clone(linesep="\r\n", max_line_length=76))


def _charset(charset: str, text: str) -> str:
    return "us-ascii" if text.isascii() else charset


def _body(phone: Phone, text: str, charset: str, *, empty: bool) -> Message:
    if phone.flavour is Flavour.FEATURE:
        written = text or "\u3000"  # this phone refuses to send nothing
        known = written.encode(charset, "replace").decode(charset)
        return MIMEText(known + "\n", "plain", charset)
    signature = _SIGNATURES.get(phone.flavour, "")
    whole = "\n".join(part for part in (text, "", signature) if part or not empty) + "\n"
    if phone.flavour is Flavour.IPHONE:
        return MIMEText(whole, "plain", _UTF8)  # type: ignore[arg-type]
    both = MIMEMultipart("alternative")
    both.attach(MIMEText(whole, "plain", _UTF8))  # type: ignore[arg-type]
    shell = "<br>".join(html.escape(line) for line in whole.splitlines()) or "<br>"
    both.attach(MIMEText(f'<html><body><div dir="auto">{shell}</div></body></html>\n', "html", _UTF8))  # type: ignore[arg-type]
    return both
