"""The town's TLS certificate: self-signed, for STARTTLS at the daemon and at the carriers.

Owns making it once per town. Refuses to be trusted by anybody: MTAs encrypt without asking whose key it is
(opportunistic TLS, RFC 7435). Fails with OSError when the folder cannot be written.
"""

import os
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from appliance import clock
from demo.places import MAIL_HOST, Places

_LIFE = timedelta(days=3650)


def paths(places: Places) -> tuple[Path, Path]:
    """Certificate and key."""
    return places.folder / "tls" / "town.crt", places.folder / "tls" / "town.key"


def ensure(places: Places) -> None:
    """Makes both unless they are there."""
    certificate_file, key_file = paths(places)
    if certificate_file.exists() and key_file.exists():
        return
    key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, MAIL_HOST)])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(MAIL_HOST)]), critical=False)
        .sign(key, SHA256())
    )
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_file.write_bytes(made.public_bytes(Encoding.PEM))
