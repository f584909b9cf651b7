"""不達: what a mail to one of our return paths says about the mail that we sent.

`read` takes any octets and returns one `Finding` per recipient, with status, reply code, cause and class.
Semantics:

- A report in the standard form (RFC 3464, RFC 6533) is believed first, its text fills what it leaves out.
- Without one, the text is read: any mail system, any carrier, in the words they use
  (`smtp.bounce.words`). There are rules for kinds of wording and none for single messages or hosts.
- A form that nobody foresaw still yields the best verdict from the reply codes in it.
- Complaints, vacations and success notices are no bounces; they are found with a cause of class `none`.
- The order of trust between words and codes stands in `smtp.bounce.judge`, and only there.

Modules: `mime` (octets to parts), `automatic` (what is no bounce), `report`, `notification` and `prose`
(to `evidence`), `words` with `phrases`, `judge` (evidence to cause), `cause`, `finding`. Refuses to know
deliveries: the signed return path says whom a bounce is about. Never raises; bounded in octets, parts,
recipients and letters.
"""

from smtp.bounce import automatic, mime, notification, prose, report
from smtp.bounce.cause import Cause, Class
from smtp.bounce.evidence import Evidence
from smtp.bounce.finding import Finding
from smtp.bounce.judge import judge_all
from smtp.bounce.mime import Mail

_NESTED = 2
_NAME_LETTERS = 320


def read(octets: bytes) -> list[Finding]:
    """What the mail says, per recipient; empty where it says nothing of the kind."""
    return _read(octets, _NESTED)


def _read(octets: bytes, depth: int) -> list[Finding]:
    mail = mime.read(octets)
    complained = report.complaints(mail)
    if complained is not None:
        return [_plain(Cause.FEEDBACK, name) for name in complained or [""]]
    text = prose.text_of(mail)
    evidence = report.recipients(mail)
    if evidence:
        return _findings(prose.with_prose(evidence, text, mail.first("subject")))
    told = notification.read(text)
    if told:
        return _findings(told)
    inner = _inner(mail, depth)
    if inner:
        return inner
    if automatic.is_bounce(mail, text):
        return _findings(prose.recipients(mail, text))
    if automatic.is_automatic(mail):
        return [_plain(Cause.VACATION, report.mailbox(mail.first("from")))]
    return []


def _inner(mail: Mail, depth: int) -> list[Finding]:
    """A bounce that somebody forwards: inside the text, or as an attached message."""
    if depth <= 0 or automatic.is_reply(mail):
        return []
    for part in mail.parts:
        if part.kind in ("text/plain", "message/rfc822"):
            text = part.content
            at = text.find(b"\nReturn-Path: <>\n") if part.kind == "text/plain" else 0
            if at < 0 or b"delivery-status" not in text[at:]:
                continue
            found = _read(text[at:], depth - 1)
            if found and found[0].class_ is not Class.NONE:
                return found
    return []


def _findings(evidence: list[Evidence]) -> list[Finding]:
    return [
        Finding(
            recipient=_printable(each.recipient),
            status=judged.status,
            reply_code=judged.reply_code,
            cause=judged.cause,
            is_final=not each.is_delay and judged.cause.class_ is not Class.NONE,
            is_permanent=judged.is_permanent and not each.is_delay,
        )
        for each, judged in zip(evidence, judge_all(evidence), strict=True)
    ]


def _printable(name: str) -> str:
    return "".join(letter for letter in name[:_NAME_LETTERS] if letter.isprintable())


def _plain(cause: Cause, name: str) -> Finding:
    return Finding(_printable(name), "", 0, cause, is_final=False, is_permanent=False)


__all__ = ["Cause", "Class", "Finding", "read"]
