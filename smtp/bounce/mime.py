"""MIME as it really arrives: any octets become a header and a flat list of leaf parts.

Owns unfolding, multipart boundaries (RFC 2046), transfer encodings and character sets. Bounces come with bare
LF, without the closing boundary, with EUC-JP that calls itself ISO-2022-JP, and inside mbox files. Refuses to
know what a bounce is. Never fails: what cannot be decoded is replaced, what goes on too long or too deep is
left out. Linear in the octets, of which the first `READ_OCTETS` count.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

READ_OCTETS = 512 * 1024
_DEPTH = 8
_PARTS = 64
_FIELDS = 1000
_VALUE_OCTETS = 16 * 1024

_LINE_ENDS = re.compile(rb"\r\n?")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,76})[ \t]*:")
_UNFOLDED = re.compile(rb"[a-z]{4,20}=", re.IGNORECASE)  # a parameter on a line of its own, its space lost
_PARAMETER = re.compile(r';\s*([a-z0-9*_-]{1,40})\s*=\s*(?:"([^"]{0,300})"|([^\s;"]{1,300}))', re.IGNORECASE)
_WORD = re.compile(r"=\?([A-Za-z0-9_*-]{1,40})\?([BbQq])\?([^\s?]{0,400})\?=")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BLOCK_TAG = re.compile(r"<(?:br|/?p|/?div|/?tr|/?td|/?li|/?h[1-6])\b[^<>]{0,500}>", re.IGNORECASE)
_SILENT = ("style", "script")
_JAPANESE = ("utf-8", "euc_jp", "cp932")
_NAMED = {"iso-2022-jp": "iso2022_jp_ext", "shift_jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
          "unicode-1-1-utf-7": "utf-7", "us-ascii": "utf-8"}  # fmt: skip

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf. `headers` are its own; `content` is decoded from its transfer encoding."""

    kind: str
    headers: Headers
    content: bytes
    charset: str = ""

    @property
    def text(self) -> str:
        """What a person would read; of HTML without the tags."""
        text = decoded(self.content, self.charset)
        return _plain(text) if self.kind == "text/html" else text


@dataclass(frozen=True, slots=True)
class Mail:
    """A message: its header and its leaves, in their order."""

    headers: Headers
    parts: tuple[Part, ...]

    def first(self, name: str) -> str:
        """The first field of that (lower-case) name, or ""."""
        return first(self.headers, name)

    def each(self, name: str) -> Iterator[str]:
        return (value for known, value in self.headers if known == name)


def first(headers: Headers, name: str) -> str:
    """The first value under a lower-case field name, or ""."""
    return next((value for known, value in headers if known == name), "")


def read(octets: bytes) -> Mail:
    """Reads a message from its first octet (an mbox line before it is skipped)."""
    content = _LINE_ENDS.sub(b"\n", octets[:READ_OCTETS]).lstrip(b"\n")
    if content.startswith((b"From ", b">From ")):
        content = content.partition(b"\n")[2]
    raw, body = _split(content)
    headers = tuple((name, _words(value)) for name, value in raw)
    parts: list[Part] = []
    _walk(headers, body, parts, _DEPTH)
    return Mail(headers, tuple(parts))


def fields(content: bytes) -> Headers:
    """A block of header fields, unfolded, names in lower case."""
    return tuple((name, _words(value)) for name, value in _split(_LINE_ENDS.sub(b"\n", content))[0])


def _split(content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Fields and what follows the first empty line, or the first line that cannot be a field's."""
    found: list[tuple[str, list[bytes]]] = []
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        line = content[at:end]
        if (
            line[:1] in (b" ", b"\t")
            and line.strip()
            and found
            or found
            and found[-1][1][-1].rstrip().endswith(b";")
            and _UNFOLDED.match(line)
        ):
            found[-1][1].append(line)
        elif (match := _FIELD.match(line)) is not None and len(found) < _FIELDS:
            found.append((match[1].decode("ascii").lower(), [line[match.end() :]]))
        else:
            at = end + 1 if not line.strip() else at
            break
        at = end + 1
    values = [(name, _raw(b" ".join(piece.strip() for piece in pieces))) for name, pieces in found]
    return values, content[at:]


def _raw(value: bytes) -> str:
    return decoded(value[:_VALUE_OCTETS], "utf-8").strip()


def _walk(headers: Headers, body: bytes, parts: list[Part], depth: int) -> None:
    value = first(headers, "content-type")
    kind = (value.replace(";", " ").split(maxsplit=1) or ["text/plain"])[0].lower()
    parameters = {name.lower(): a or b for name, a, b in _PARAMETER.findall(value[:2000])}
    boundary = parameters.get("boundary", "")
    if kind.startswith("multipart/") and boundary and depth > 0:
        pieces = _pieces(body, boundary.encode("utf-8", "surrogateescape"))
        if pieces:
            for piece in pieces:
                _piece(piece, parts, depth)
            return
        kind = "text/plain"  # the boundary that was promised never comes
    if len(parts) < _PARTS:
        encoding = first(headers, "content-transfer-encoding").lower()
        parts.append(Part(kind, headers, _untransferred(body, encoding), parameters.get("charset", "")))


def _piece(piece: bytes, parts: list[Part], depth: int) -> None:
    fields_of, body = _split(piece)
    if not fields_of and not piece.startswith(b"\n"):
        body = piece
    _walk(tuple(fields_of), body, parts, depth - 1)


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """What lies between the boundary lines; what comes before the first one is not a part."""
    mark = b"--" + boundary
    pieces: list[bytes] = []
    start = -1
    at = 0 if body.startswith(mark) else body.find(b"\n" + mark)
    while at >= 0:
        line = at if body.startswith(mark, at) else at + 1
        if start >= 0:
            pieces.append(body[start:at])
        end = body.find(b"\n", line + len(mark))
        if body.startswith(b"--", line + len(mark)) or len(pieces) >= _PARTS:
            return pieces
        start = len(body) if end < 0 else end + 1
        at = body.find(b"\n" + mark, max(start - 1, line + len(mark)))
    if start >= 0:
        pieces.append(body[start:])
    return pieces


def _untransferred(body: bytes, encoding: str) -> bytes:
    if encoding.startswith("base64"):
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        try:
            return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
        except binascii.Error:
            return body
    return binascii.a2b_qp(body) if encoding.startswith("quoted-printable") else body


def decoded(octets: bytes, charset: str) -> str:
    """Text under the name that was given, else under what it looks like; then with replacement."""
    name = charset.strip().lower()
    if b"\x1b$" in octets or b"\x1b(" in octets:
        return octets.decode(_NAMED["iso-2022-jp"], "replace")
    if name == "iso-2022-jp":
        name = ""  # eight bits that call themselves seven
    for candidate in (name, *_JAPANESE):
        try:
            return octets.decode(_NAMED.get(candidate, candidate))
        except (LookupError, ValueError):
            continue
    try:
        return octets.decode(_NAMED.get(name, name) or "utf-8", "replace")
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")


def _words(value: str) -> str:
    """RFC 2047 words of a header value, read."""
    if "=?" not in value:
        return value
    return _WORD.sub(_one_word, re.sub(r"\?=[ \t]{1,8}=\?", "?==?", value))


def _one_word(match: re.Match[str]) -> str:
    text = match[3].encode("utf-8", "replace")
    octets = _untransferred(text, "base64") if match[2] in "bB" else binascii.a2b_qp(text, header=True)
    return decoded(octets, match[1].partition("*")[0])


def _plain(text: str) -> str:
    for element in _SILENT:
        text = _without(text, f"<{element}", f"</{element}")
    return unescape(_TAG.sub(" ", _BLOCK_TAG.sub("\n", text)))


def _without(text: str, begin: str, end: str) -> str:
    """Drops what lies between the two, in one pass."""
    low = text.lower()
    if len(low) != len(text) or begin not in low:
        return text
    kept = []
    at = 0
    while (start := low.find(begin, at)) >= 0:
        kept.append(text[at:start])
        at = low.find(end, start)
        if at < 0:
            return "".join(kept)
    return "".join(kept) + text[at:]
