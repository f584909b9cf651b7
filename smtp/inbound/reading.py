"""What a person wrote in a mail: subject, new text, and what was quoted beneath it.

Owns getting there from whatever phones send: any charset, HTML only, signatures, adverts, quotes in the ways
of many programs. Reads at most the first part of a mail and one text of it. Refuses attachments and to know
what the words mean. Never fails: of what cannot be read, nothing is left.
"""

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.policy import compat32
from html.parser import HTMLParser

from smtp.inbound import charsets

READ_OCTETS = 256 * 1024
TEXT_CHARACTERS = 20_000
_HTML_OCTETS = 64 * 1024
_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,2000})\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")
_BLANKS = re.compile(r"\s+")
_QUOTE = re.compile(r"\A\s{0,3}[>＞|]")
_ORIGINAL = re.compile(
    r"\A\s*(?:_{20,}\s*\Z"
    r"|-{2,}\s*(?:Original Message|元のメッセージ|Forwarded message|転送メッセージ|원본 메시지)"
    r"|(?:From|差出人|送信元|发件人|보낸 사람|De)\s*[:：].*[@＠<])",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(r"[:：]\s*\Z")
_ATTRIBUTION = re.compile(r"\d{1,2}[:：時]\d{2}|@|wrote|のメール|さん", re.IGNORECASE)
_RULE = re.compile(r"\A\s*(?:-- ?|[-_=─━—*~＿―ー]{4,})\s*\Z")
_SIGNATURE = re.compile(
    r"\A\s*(?:.{0,30}(?:から|より)送信(?:しました)?。?|yahoo!メール.{0,80}"
    r"|sent from (?:my|the|yahoo|outlook|samsung|android).{0,60}|get outlook for .{0,60}"
    r"|enviado (?:do|de|a partir).{0,60}|发自我的.{0,30}|从我的.{0,30}发送|나의 .{0,30}에서 보냄"
    r"|đã gửi từ .{0,40})\s*\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Written:
    """`text` is new, `quoted` is what was there before; quote marks are taken off."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    quoted: str = field(repr=False)


def read(content: bytes) -> Written:
    """What a person wrote. Linear but for MIME nesting, which is bounded by `READ_OCTETS`."""
    try:
        message = message_from_bytes(content[:READ_OCTETS], policy=compat32)
        subject, body = _subject(message), _text(message)
    except (MessageError, ValueError, LookupError, RecursionError, AttributeError, TypeError):
        return Written("", "", "")
    new, quoted = _parted(body[:TEXT_CHARACTERS].splitlines())
    return Written(subject, new, quoted)


def _subject(message: Message) -> str:
    raw = next((str(value) for name, value in message.raw_items() if name.lower() == "subject"), "")[:2000]
    text = _WORD.sub(_decoded_word, _BETWEEN_WORDS.sub(r"\1\2", raw))
    if not text.isascii() or "\x1b" in text:  # raw octets, which the parser keeps as surrogates
        text = charsets.decode(text.encode("utf-8", "surrogateescape"), "")
    return " ".join(text.split())


def _decoded_word(match: re.Match[str]) -> str:
    part = Message()
    encoding = "base64" if match[2] in "bB" else "quoted-printable"
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(match[3] if encoding == "base64" else match[3].replace("_", " "))
    return charsets.decode(_octets(part), match[1])


def _text(message: Message) -> str:
    html = ""
    for part in message.walk():
        if part.is_multipart() or "attachment" in str(part.get("Content-Disposition", "")).lower():
            continue
        kind = part.get_content_type()
        if kind == "text/plain":
            text = charsets.decode(_octets(part), _charset(part))
            if text.strip():
                return text
        elif kind == "text/html" and not html:
            html = _Reader.text(charsets.decode(_octets(part)[:_HTML_OCTETS], _charset(part)))
    return html


def _octets(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _charset(part: Message) -> str:
    found = part.get_param("charset", "")
    return found if isinstance(found, str) else ""


class _Reader(HTMLParser):
    """Text of an HTML shell: lines at blocks, `>` before what stands in a blockquote."""

    _LINES = frozenset({"br", "p", "div", "tr", "li", "blockquote", "table", "h1", "h2", "h3"})
    _UNSEEN = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._quoted = 0
        self._unseen = 0

    @classmethod
    def text(cls, html: str) -> str:
        reader = cls()
        reader.feed(html)
        reader.close()
        return "".join(reader._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._unseen += tag in self._UNSEEN
        self._quoted += tag == "blockquote"
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in self._UNSEEN))
        self._quoted = max(0, self._quoted - (tag == "blockquote"))
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in self._LINES:
            line = "\n> " if self._quoted else "\n"
            if self._out[-1:] != [line]:
                self._out.append(line)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._out.append(_BLANKS.sub(" ", data))


def _parted(lines: list[str]) -> tuple[str, str]:
    """New lines and quoted ones."""
    new: list[str] = []
    quoted: list[str] = []
    for place, line in enumerate(lines):
        if _QUOTE.match(line):
            if not quoted:
                _drop_attribution(new)
            quoted.append(line.lstrip(" >＞|"))
        elif _ORIGINAL.match(line):
            quoted += [rest.lstrip(" >＞|") for rest in lines[place + 1 :]]
            break
        else:
            new.append(line)
    return "\n".join(_unsigned(new)).strip(), "\n".join(quoted)


def _drop_attribution(new: list[str]) -> None:
    """The line or two before a quote: «2026年4月8日(水) 6:00 みどり小学校 <…>:», "On … wrote:"."""
    while new and not new[-1].strip():
        new.pop()
    if not new or not _ATTRIBUTION_END.search(new[-1]):
        return
    for count in (1, 2, 3):
        before = " ".join(new[-count:])
        if _ATTRIBUTION.search(before) and any(map(str.isdigit, before)):
            del new[-count:]
            return


def _unsigned(lines: list[str]) -> list[str]:
    for place, line in enumerate(lines):
        if _SIGNATURE.match(line) or _RULE.match(line):
            return lines[:place]
    return lines
