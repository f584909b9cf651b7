"""DKIM signatures (RFC 6376), made from a template: what is equal for all recipients is hashed once.

Owns rsa-sha256 with relaxed/relaxed canonicalization, no `l=`. From is oversigned, so that a second From
breaks the signature; List-* headers are signed when they are there. Refuses keys under 2048 bits and to
re-sign foreign mail. Fails at start with `SecretMissing` on a key it cannot use.

A body is hashed when the template is made; the fixed headers are hashed then, too. A message costs the hash
of its individual headers and one RSA signature.
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appliance.errors import SecretMissing

BITS_MIN = 2048
INDIVIDUAL = (b"message-id", b"to")
"""The headers that differ from message to message, in the order in which `Template.sign` takes them."""

Headers = Sequence[tuple[bytes, bytes]]

_PADDING = PKCS1v15()
_PREHASHED = Prehashed(hashes.SHA256())
_BLANKS = re.compile(rb"[ \t]+")
_BLANKS_AT_END = re.compile(rb"[ \t]+\r\n")
_FOLD = 72


class Signer:
    """Our domain, selector and key."""

    def __init__(self, domain: str, selector: str, pem: bytes) -> None:
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise SecretMissing("dkim.pem: expected an RSA private key in PEM") from None
        if not isinstance(key, RSAPrivateKey) or key.key_size < BITS_MIN:
            raise SecretMissing(f"dkim.pem: expected an RSA key of at least {BITS_MIN} bits")
        self._key = key
        self._domain = domain.encode("ascii")
        self._selector = selector.encode("ascii")

    def template(self, fixed: Headers, body: bytes) -> "Template":
        """For mails that share `fixed` headers and `body` (CR LF lines, the body ends with one)."""
        names = [name.lower() for name, _ in fixed]
        signed = b":".join([*names, *INDIVIDUAL, b"from"])  # the last one: oversigned
        head = (
            b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\td=%s; s=%s;"
            b"\r\n\th=%s;\r\n\tbh=%s;\r\n\tb="
            % (
                self._domain,
                self._selector,
                _folded(signed, b":"),
                base64.b64encode(hashlib.sha256(canonical_body(body)).digest()),
            )
        )
        return Template(self._key, fixed, body, head)


class Template:
    """Everything of a mail but its individual headers."""

    __slots__ = ("_head", "_head_canonical", "_key", "_prefix", "_rest")

    def __init__(self, key: RSAPrivateKey, fixed: Headers, body: bytes, head: bytes) -> None:
        self._key = key
        self._prefix = hashlib.sha256(b"".join(canonical_header(name, value) for name, value in fixed))
        self._head = head
        self._head_canonical = canonical_header(*head.split(b":", 1)).removesuffix(b"\r\n")
        self._rest = b"".join(b"%s: %s\r\n" % header for header in fixed) + b"\r\n" + body

    def sign(self, individual: Headers) -> bytes:
        """The whole mail. `individual` are the headers named in `INDIVIDUAL`, in that order, unfolded."""
        digest = self._prefix.copy()
        for name, value in individual:
            digest.update(b"%s:%s\r\n" % (name.lower(), value))
        digest.update(self._head_canonical)
        signature = base64.b64encode(self._key.sign(digest.digest(), _PADDING, _PREHASHED))
        lines = [signature[start : start + _FOLD] for start in range(0, len(signature), _FOLD)]
        return b"".join(
            (
                self._head,
                b"\r\n\t".join(lines),
                b"\r\n",
                *(b"%s: %s\r\n" % header for header in individual),
                self._rest,
            )
        )


def canonical_header(name: bytes, value: bytes) -> bytes:
    """Relaxed (RFC 6376 3.4.2)."""
    unfolded = value.replace(b"\r\n", b"")
    return b"%s:%s\r\n" % (name.lower().strip(), _BLANKS.sub(b" ", unfolded).strip(b" \t"))


def canonical_body(body: bytes) -> bytes:
    """Relaxed (RFC 6376 3.4.4)."""
    body = _BLANKS_AT_END.sub(b"\r\n", _BLANKS.sub(b" ", body))
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def _folded(text: bytes, separator: bytes) -> bytes:
    """Folded after separators, so that no line is long."""
    lines, line = [], b""
    for part in text.split(separator):
        if len(line) + len(part) > _FOLD - 10:
            lines.append(line)
            line = b""
        line += part + separator
    lines.append(line.removesuffix(separator))
    return b"\r\n\t".join(lines)
