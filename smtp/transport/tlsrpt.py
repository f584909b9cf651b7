"""Who wants to be told how TLS fared, and what it is told (RFC 8460).

Owns the grammar of the TXT record at `_smtp._tls` and the report's form. Refuses DNS, sending and clocks. A
record that does not hold to the grammar is none.
"""

import re
from collections.abc import Iterable

_RECORD = re.compile(r"v=TLSRPTv1 *;.*")
_DESTINATIONS_MAX = 3


def destinations(texts: Iterable[str]) -> tuple[str, ...]:
    """The `mailto:` and `https:` URIs of the one record; none where there is not exactly one (RFC 8460 3)."""
    records = [text for text in texts if _RECORD.fullmatch(text)]
    if len(records) != 1:
        return ()
    for field in records[0].split(";")[1:]:
        name, _, value = field.strip(" \t").partition("=")
        if name.rstrip() == "rua":
            uris = (uri.strip() for uri in value.split(","))
            return tuple(uri for uri in uris if uri.startswith(("mailto:", "https://")))[:_DESTINATIONS_MAX]
    return ()
