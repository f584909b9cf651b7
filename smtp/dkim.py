"""DKIM signatures (RFC 6376) from a template: what is equal for all recipients is hashed once.

Owns rsa-sha256 with relaxed/relaxed canonicalization, without `l=`. Every header given is signed, List-*
among them (RFC 8058 4); those that a reader would take twice are oversigned, so that a second From, Subject
or Content-Type breaks the signature. Refuses keys under 2048 bits and foreign mail. Fails at start with
`SecretMissing` on a key it cannot use, and with `ValueError` on headers that no template of ours makes: a
line break that folds nothing, a name twice, a header that others add on the way.

A body is hashed when its `SignedBody` is made, the fixed headers when the template is. One message costs the
hash of its individual headers and one RSA signature (about 220 µs; all else stays under 15).
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from appliance import clock
from appliance.errors import SecretMissing

BITS_MIN = 2048
OVERSIGNED = (b"from", b"to", b"subject", b"date", b"reply-to", b"content-type")
"""Named once more than they are there (RFC 6376 5.4.2): adding one to a signed mail breaks it."""
UNSIGNABLE = frozenset({b"return-path", b"received", b"dkim-signature", b"comments", b"keywords"})

Headers = Sequence[tuple[bytes, bytes]]

_PADDING = PKCS1v15()
_PREHASHED = Prehashed(hashes.SHA256())
_NAME = re.compile(rb"[!-9;-~]+")
_FOLDS = re.compile(rb"\r\n(?=[ \t])")
_BLANKS = re.compile(rb"[ \t]+")
_UGLY = re.compile(rb"[\t\r\n]|  |\A | \Z")
_COLUMNS = 72


class SignedBody:
    """A body and its hash, made once for all its recipients. Its lines end with CR LF, the last one too.

    Raises `ValueError` on a bare CR or LF; a missing last line end is added.
    """

    __slots__ = ("digest", "octets")

    def __init__(self, octets: bytes) -> None:
        ends = octets.count(b"\r\n")
        if ends != octets.count(b"\n") or ends != octets.count(b"\r"):
            raise ValueError("a bare CR or LF in the body")
        if octets and not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        self.octets = octets
        self.digest = base64.b64encode(hashlib.sha256(canonical_body(octets)).digest())


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

    def template(self, fixed: Headers, body: "bytes | SignedBody") -> "Template":
        """For mails that share `fixed` headers and `body`. Raises `ValueError` (see the module)."""
        signed = body if isinstance(body, SignedBody) else SignedBody(body)
        where = b"d=%b;\r\n\ts=%b" % (self._domain, self._selector)
        return Template(self._key, where, fixed, signed)

    def public_record(self) -> str:
        """The TXT record that belongs at `<selector>._domainkey.<domain>` (RFC 6376 3.6.1)."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What all messages with the same individual headers share: the signature's text before its time."""

    names: tuple[bytes, ...]  # canonical, with the colon
    written: bytes = field(repr=False)  # up to and with `t=`
    canonical: bytes = field(repr=False)


class Template:
    """Everything of a mail but its individual headers."""

    def __init__(self, key: RSAPrivateKey, where: bytes, fixed: Headers, body: SignedBody) -> None:
        self._key = key
        self._where = where
        self._body_digest = body.digest
        self._names = tuple(_checked_name(name) for name, _ in fixed)
        prefix = b"".join(canonical_header(name, value) for name, value in fixed)
        self._prefix = hashlib.sha256(prefix)
        self._rest = b"".join(b"%b: %b\r\n" % header for header in fixed) + b"\r\n" + body.octets
        self._shapes: dict[tuple[bytes, ...], _Shape] = {}

    def sign(self, individual: Headers) -> bytes:
        """The whole mail, ready for a courier. Raises `ValueError` (see the module)."""
        names = tuple([name for name, _ in individual])
        shape = self._shapes.get(names) or self._shape(names)
        hashed, head = [], []
        for known, (name, value) in zip(shape.names, individual, strict=True):
            plain = value if _UGLY.search(value) is None else _canonical_value(value)
            hashed.append(known + plain + b"\r\n")
            head.append(b"%b: %b\r\n" % (name, value))
        time = b"%d" % clock.now().timestamp()
        digest = self._prefix.copy()
        digest.update(b"".join(hashed) + shape.canonical + time + b"; b=")
        signature = base64.b64encode(self._key.sign(digest.digest(), _PADDING, _PREHASHED))
        lines = [signature[start : start + _COLUMNS] for start in range(0, len(signature), _COLUMNS)]
        return b"".join(
            (shape.written, time, b";\r\n\tb=", b"\r\n\t".join(lines), b"\r\n", *head, self._rest)
        )

    def _shape(self, individual: tuple[bytes, ...]) -> _Shape:
        lowered = tuple(_checked_name(name) for name in individual)
        present = (*self._names, *lowered)
        if len(set(present)) < len(present):
            raise ValueError("a header twice")
        signed = b":".join((*present, *OVERSIGNED))
        if b"from" not in present:
            raise ValueError("no From")
        written = (
            b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n\t%b;\r\n\th=%b;\r\n\tbh=%b;\r\n\tt="
            % (
                self._where,
                _folded(signed),
                self._body_digest,
            )
        )
        canonical = canonical_header(*written.split(b":", 1)).removesuffix(b"\r\n")
        shape = _Shape(tuple(name + b":" for name in lowered), written, canonical)
        self._shapes[individual] = shape
        return shape


def canonical_header(name: bytes, value: bytes) -> bytes:
    """Relaxed (RFC 6376 3.4.2). Raises `ValueError` on a line break that is no fold."""
    return b"%b:%b\r\n" % (name.lower(), _canonical_value(value))


def canonical_body(body: bytes) -> bytes:
    """Relaxed (RFC 6376 3.4.4); the body's lines end with CR LF."""
    if b" " in body or b"\t" in body:
        body = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n")
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def _canonical_value(value: bytes) -> bytes:
    unfolded = _FOLDS.sub(b"", value)
    if b"\r" in unfolded or b"\n" in unfolded:
        raise ValueError("a line break that folds nothing")
    return _BLANKS.sub(b" ", unfolded).strip(b" ")


def _checked_name(name: bytes) -> bytes:
    lowered = name.lower()
    if _NAME.fullmatch(name) is None or lowered in UNSIGNABLE:
        raise ValueError("a header that is not ours to sign")
    return lowered


def _folded(names: bytes) -> bytes:
    """Folded after colons, so that no line is long."""
    lines, line = [], b""
    for part in names.split(b":"):
        if line and len(line) + len(part) + 1 > _COLUMNS - 2:
            lines.append(line)
            line = b""
        line += part + b":"
    lines.append(line.removesuffix(b":"))
    return b"\r\n\t".join(lines)
