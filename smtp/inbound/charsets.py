"""Octets of a mail as text, whatever charset they claim to be in.

Owns the guessing: what Japanese phones label wrong, ISO-2022-JP with carriers' extra characters (①, 髙),
Latin labels over UTF-8 or Shift JIS. Refuses to know MIME. Never fails: what cannot be read becomes U+FFFD.
"""

import codecs
import re

_ALIASES = {
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "windows-31j": "cp932",
    "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
}  # fmt: skip
_SAYS_NOTHING = frozenset({"", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252"})
_ESCAPE = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_JIS = "iso-2022-jp"
_FOREIGN_SHARE = 0.2  # of octets over 127: a Portuguese text in Latin-1 has fewer, a Japanese one more


def decode(octets: bytes, charset: str) -> str:
    """The text; `charset` is what the mail says, or empty."""
    label = charset.strip().strip("\"'").lower()
    if _ESCAPE.search(octets) is not None:
        return _jis(octets)
    candidates = (
        ["utf-8"] if label in _SAYS_NOTHING or label == _JIS else [_ALIASES.get(label, label), "utf-8"]
    )
    head = octets[:500]
    if sum(octet > 127 for octet in head) > _FOREIGN_SHARE * len(head):
        candidates += ["cp932", "euc_jp"]
    if label in _SAYS_NOTHING:
        candidates.append("cp1252")
    for name in candidates:
        try:
            return octets.decode(_text_codec(name))
        except (UnicodeDecodeError, LookupError):
            continue
    return octets.decode("utf-8", "replace")


def _text_codec(name: str) -> str:
    """Raises LookupError for a codec that does not make text (`base64`, `rot13`) or is not known."""
    found = codecs.lookup(name) if name.isascii() and len(name) < 40 and "\0" not in name else None
    if found is None or not found._is_text_encoding or found.name in {"idna", "punycode", "undefined"}:  # noqa: SLF001
        raise LookupError(name)
    return found.name


def _jis(octets: bytes) -> str:
    """ISO-2022-JP, its two-byte rows read as Shift JIS, whose Windows form knows what carriers added."""
    written: list[bytes] = []
    double = False
    katakana = False
    at = 0
    for escape in [*_ESCAPE.finditer(octets), None]:
        piece = octets[at : escape.start() if escape else len(octets)]
        written.append(_shifted(piece) if double else bytes(o | 0x80 for o in piece) if katakana else piece)
        if escape is not None:
            at = escape.end()
            double, katakana = escape[1].startswith(b"$"), escape[1] == b"(I"
    return b"".join(written).decode("cp932", "replace")


def _shifted(pairs: bytes) -> bytes:
    """Rows of JIS X 0208 in their Shift JIS form; control characters between them are kept."""
    out = bytearray()
    at = 0
    while at < len(pairs):
        high = pairs[at]
        if not 0x21 <= high <= 0x7E or at + 1 >= len(pairs):
            out.append(high)
            at += 1
            continue
        low = pairs[at + 1]
        out.append((high + 1) // 2 + (0x70 if high < 0x5F else 0xB0))
        out.append(low + ((0x1F if low < 0x60 else 0x20) if high % 2 else 0x7E))
        at += 2
    return bytes(out)
