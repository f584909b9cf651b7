"""One record as a line of a zone file (RFC 1035 5.1).

Owns quoting and the cutting of long texts. Refuses to know what a record is for. Cannot fail.
"""

_STRING = 250  # octets; RFC 1035 3.3 allows 255


def line(name: str, kind: str, value: str) -> str:
    """`name. IN KIND value`; a TXT value is given plain and gets its quotes here."""
    return f"{name}. IN {kind} {_quoted(value) if kind == 'TXT' else value}"


def _quoted(text: str) -> str:
    pieces = [text[at : at + _STRING] for at in range(0, len(text), _STRING)] or [""]
    return " ".join('"{}"'.format(piece.replace("\\", "\\\\").replace('"', '\\"')) for piece in pieces)
