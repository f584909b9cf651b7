"""Which lines the listener may say: its table of replies, its greeting, its EHLO; and words to provoke it."""

import re

from smtp.inbound import replies

_OURS = {reply.wire.decode().removesuffix("\r\n") for reply in replies.every().values()}
_GREETINGS = re.compile(
    r"220 mx\.midori\.example ESMTP"
    r"|250[ -](mx\.midori\.example|STARTTLS|PIPELINING|SIZE \d+|8BITMIME|ENHANCEDSTATUSCODES)"
)
RECIPIENT_PLACE = 6  # of the RCPT command in `words`
PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def is_ours(line: str) -> bool:
    """A whole line, without its end, that the listener of the test ward may say."""
    return line in _OURS or _GREETINGS.fullmatch(line) is not None


def words(recipient: str) -> list[bytes]:
    """What conversations are made of: sense, nonsense, and pieces of both."""
    return [
        b"EHLO x\r\n", b"HELO x\r\n", b"MAIL FROM:<a@x.jp>\r\n", b"MAIL FROM:<>\r\n", b"RSET\r\n",
        b"DATA\r\n",
        b"RCPT TO:<%s>\r\n" % recipient.encode(), b"RCPT TO:<postmaster>\r\n", b"NOOP\r\n", b"QUIT\r\n",
        b"STARTTLS\r\n", b"VRFY x\r\n", b"AUTH PLAIN\r\n", b"BDAT 5 LAST\r\n", b"\r\n.\r\n", b".\r\n",
        b"MAIL FROM:<a@x.jp> SIZE=99 BODY=8BITMIME AUTH=<>\r\n", b"RCPT TO:<@a.jp,@b.jp:c@x.jp>\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", b"PROXY UNKNOWN\r\n", PROXY_V2 + b"\x20\x00\x00\x00",
        PROXY_V2 + b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x19",
        b"\r\n", b"\n", b"\r", b"\0", b"<", b">", b"@", b":", b" ", b"\xff\xfe", b"=?utf-8?q?=0d=0a?=", b"(",
        b"\"", b"\\", b"Subject: x\r\n", b"From: \"<<>(@,;:\r\n", b"A" * 3000,
        b"DKIM-Signature: v=1; a=rsa-sha256; d=x.jp; s=k; h=from; bh=; b==\r\n", b"Auto-Submitted: no\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]  # fmt: skip
