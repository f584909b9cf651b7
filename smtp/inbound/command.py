"""One command line: taken apart, and what is answered to it without a thought.

Owns the form of a command (RFC 5321 4.1.1, ASCII only) and three tables: verbs with a constant answer, verbs
that move no mail forward, verbs that show the peer out. Refuses to know a session. Cannot fail: a line that
is none comes back with its complaint.
"""

from smtp.inbound import replies
from smtp.inbound.replies import Reply

_OCTETS = 2048
SHOWN_OUT = {
    **dict.fromkeys(("GET", "POST", "PUT", "CONNECT", "OPTIONS", "HEAD"), replies.NOT_HTTP),
    "PROXY": replies.NO_PROXY,
}
CONSTANT = {
    "NOOP": replies.OK,
    "HELP": replies.HELP,
    "VRFY": replies.NOT_VERIFIED,
    **dict.fromkeys(("EXPN", "AUTH", "BDAT", "ETRN", "TURN"), replies.NOT_IMPLEMENTED),
}
IDLE = frozenset({"EHLO", "HELO", "NOOP", "RSET", "VRFY", "HELP"})


def parse(line: bytes | None) -> tuple[str, str, Reply | None]:
    """Verb in upper case, argument, and what is wrong with the line as a whole."""
    if line is None or len(line) > _OCTETS:
        return "", "", replies.LINE_TOO_LONG
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        names_address = line[:5].upper() in (b"MAIL ", b"RCPT ")
        return "", "", replies.NOT_ASCII if names_address else replies.BAD_LINE
    if not text.isprintable() or not text.strip():
        return "", "", replies.BAD_LINE
    verb, _, argument = text.partition(" ")
    return verb.upper(), argument.strip(" "), None
