"""Bounces of our own making: the forms in which mail systems report, around any reply.

Nothing here is copied from a real message. A test picks a form, a reply and a recipient, and varies line
ends, encodings and hosts.
"""

import base64
import quopri
from collections.abc import Callable

SENDER = "b4uaaaaaaaaabez7fqdrot6bam2x26ke5@bounce.midori.example"
RETURNED = (
    "Received: from mta.midori.example by mx.example.net; Wed, 8 Apr 2026 06:00:01 +0900\r\nSubject: x\r\n"
)


def mail(*lines: str, **fields: str) -> bytes:
    """A plain mail from a mailer daemon; `fields` replace or add header fields (`content_type=…`)."""
    header = {
        "Return-Path": "<>",
        "From": "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>",
        "To": f"<{SENDER}>",
        "Subject": "Undelivered Mail Returned to Sender",
        **{name.replace("_", "-").title(): value for name, value in fields.items()},
    }
    head = [f"{name}: {value}" for name, value in header.items() if value]
    return "\r\n".join([*head, "", *lines, ""]).encode()


def postfix(reply: str, recipient: str, command: str = "RCPT TO", *, action: str = "failed") -> bytes:
    """Text, status part and returned header, folded as Postfix folds."""
    status = next(
        (word for word in reply.split() if word[1:2] == "." and word[0] in "245"), f"{reply[0]}.0.0"
    )
    folded = reply.replace(" ", "\r\n    ", 3) if len(reply) > 60 else reply
    return mail(
        "This is a MIME-encapsulated message.",
        "",
        "--9B2/mx",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is the mail system at host mx.example.net.",
        "",
        f"<{recipient}>: host mail.receiver.example[192.0.2.5] said: {folded} (in reply",
        f"    to {command} command)",
        "",
        "--9B2/mx",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.net",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {folded}",
        "",
        "--9B2/mx",
        "Content-Type: text/rfc822-headers",
        "",
        RETURNED,
        "--9B2/mx--",
        content_type='multipart/report; report-type=delivery-status;\r\n\tboundary="9B2/mx"',
    )


def qmail(reply: str, recipient: str, command: str = "RCPT TO") -> bytes:
    """QSBMF."""
    stage = {"RCPT TO": "does not like recipient.", "end of DATA": "failed after I sent the message."}[
        command
    ]
    return mail(
        "Hi. This is the qmail-send program at mx.example.net.",
        "I'm afraid I wasn't able to deliver your message to the following addresses.",
        "This is a permanent error; I've given up. Sorry it didn't work out.",
        "",
        f"<{recipient}>:",
        f"192.0.2.5 {stage}",
        f"Remote host said: {reply}",
        *(["Giving up on 192.0.2.5."] if command == "RCPT TO" else []),
        "",
        "--- Below this line is a copy of the message.",
        "",
        RETURNED,
        subject="failure notice",
    )


def exim(reply: str, recipient: str, command: str = "RCPT TO") -> bytes:
    """Prose with the failed recipient in the header."""
    stage = {"RCPT TO": f"RCPT TO:<{recipient}>", "end of DATA": "end of data"}[command]
    return mail(
        "This message was created automatically by mail delivery software.",
        "",
        "A message that you sent could not be delivered to one or more of its",
        "recipients. This is a permanent error. The following address(es) failed:",
        "",
        f"  {recipient}",
        f"    SMTP error from remote mail server after {stage}:",
        f"    host mail.receiver.example [192.0.2.5]: {reply}",
        "",
        "------ This is a copy of the message, including all the headers. ------",
        "",
        RETURNED,
        x_failed_recipients=recipient,
        subject="Mail delivery failed: returning message to sender",
        auto_submitted="auto-replied",
    )


def sendmail(reply: str, recipient: str, command: str = "RCPT TO") -> bytes:
    """The transcript alone, as gateways that drop the status part leave it."""
    asked = {"RCPT TO": f"RCPT To:<{recipient}>", "end of DATA": "DATA"}[command]
    return mail(
        "The original message was received at Wed, 8 Apr 2026 06:00:01 +0900",
        "   ----- The following addresses had permanent fatal errors -----",
        f"<{recipient}>",
        f"    (reason: {reply})",
        "",
        "   ----- Transcript of session follows -----",
        "... while talking to mail.receiver.example.:",
        f">>> {asked}",
        f"<<< {reply}",
        "",
        "   ----- Original message follows -----",
        RETURNED,
        subject="Returned mail: see transcript for details",
    )


def japanese_gateway(reply: str, recipient: str, command: str = "RCPT TO") -> bytes:
    """A filter that Japanese offices put in front: its own words, then the server's, in ISO-2022-JP."""
    text = "\r\n".join(
        [
            "このメールは自動的に送信しています。",
            "下記の理由によりこのメールは送信できませんでした。",
            "以下のメールアドレスへの送信に失敗しました。",
            "",
            recipient,
            "",
            "-------server message",
            reply,
            "-------SMTP command",
            command.removeprefix("end of "),
            "-------original message",
            RETURNED,
        ]
    )
    head = mail(content_type='text/plain; charset="ISO-2022-JP"', subject="failure notice")
    return head + text.encode("iso2022_jp")


FORMS: dict[str, Callable[..., bytes]] = {
    form.__name__: form for form in (postfix, qmail, exim, sendmail, japanese_gateway)
}


def with_bare_lf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


def encoded(text: str, charset: str, transfer: str) -> tuple[str, str]:
    """A body and its Content-Type, in a character set and transfer encoding."""
    octets = text.encode(charset, "replace")
    if transfer == "base64":
        body = base64.encodebytes(octets).decode().replace("\n", "\r\n")
    else:
        body = quopri.encodestring(octets).decode().replace("\n", "\r\n")
    return body, f"text/plain; charset={charset.replace('iso2022_jp', 'iso-2022-jp')}"
