#!/usr/bin/python
"""Ansible module: a small certificate authority on the control machine, and certificates that it signs.

Owns one folder: `authority.crt` and `.key`, made once, and for each entry FOLDER/NODE/NAME.crt and .key
(ECDSA P-256), made when they are missing, about to expire, or for other names than asked. Refuses to
overwrite the authority. Fails as the disk does; check mode changes nothing. The folder is as secret as the
keys in it: its owner alone may read it.
"""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DOCUMENTATION = r"""
module: rack_authority
short_description: A small certificate authority on the control machine
options:
  folder: {description: Where authority and certificates lie., type: path, required: true}
  title: {description: Common name of the authority., type: str, required: true}
  days: {description: Life of a certificate., type: int, default: 825}
  renew_days: {description: A certificate with less left is made anew., type: int, default: 60}
  certificates:
    description: What is wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      node: {description: Whose folder., type: str, required: true}
      name: {description: File name and common name., type: str, required: true}
      hosts: {description: Names and addresses; none for clients., type: list, elements: str, default: []}
author: [Karamail]
"""

_AUTHORITY_LIFE = timedelta(days=7300)
_SKEW = timedelta(hours=1)


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.rename(path)


def _plain(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _subject(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def authority(folder: Path, title: str, now: datetime) -> bool:
    """Makes it unless it is there; whether it had to."""
    if (folder / "authority.key").exists():
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(_subject(title))
        .issuer_name(_subject(title))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    _write(folder / "authority.crt", made.public_bytes(Encoding.PEM), 0o644)
    _write(folder / "authority.key", _plain(key), 0o600)
    return True


def wanted(folder: Path, entry: dict, good_until: datetime) -> str | None:
    """Why a certificate has to be made, or None."""
    path = folder / entry["node"] / f"{entry['name']}.crt"
    if not path.exists() or not path.with_suffix(".key").exists():
        return "missing"
    found = x509.load_pem_x509_certificate(path.read_bytes())
    if found.not_valid_after_utc < good_until:
        return "expires"
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = {str(name.value) for name in names}
    except x509.ExtensionNotFound:
        hosts = set()
    return None if hosts == set(entry["hosts"]) else "other names"


def issue(folder: Path, entry: dict, now: datetime, life: timedelta) -> None:
    """Signs a fresh key. Servers are also clients of each other; an entry without hosts is a client only."""
    issuer_key = load_pem_private_key((folder / "authority.key").read_bytes(), None)
    issuer = x509.load_pem_x509_certificate((folder / "authority.crt").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if entry["hosts"] else [])
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(entry["name"]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
    )
    if entry["hosts"]:
        names = [_name(host) for host in entry["hosts"]]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(issuer_key, SHA256())
    target = folder / entry["node"]
    target.mkdir(mode=0o700, exist_ok=True)
    _write(target / f"{entry['name']}.key", _plain(key), 0o600)
    _write(target / f"{entry['name']}.crt", made.public_bytes(Encoding.PEM), 0o644)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def main() -> None:
    entry = {
        "node": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "title": {"type": "str", "required": True},
            "days": {"type": "int", "default": 825},
            "renew_days": {"type": "int", "default": 60},
            "certificates": {"type": "list", "elements": "dict", "required": True, "options": entry},
        },
        supports_check_mode=True,
    )
    folder, now = Path(module.params["folder"]), datetime.now(UTC)
    good_until = now + timedelta(days=module.params["renew_days"])
    needed = [
        (each, why) for each in module.params["certificates"] if (why := wanted(folder, each, good_until))
    ]
    told = [f"{each['node']}/{each['name']}: {why}" for each, why in needed]
    if module.check_mode:
        module.exit_json(changed=bool(needed), made=told)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = authority(folder, module.params["title"], now)
    for each, _why in needed:
        issue(folder, each, now, timedelta(days=module.params["days"]))
    module.exit_json(changed=fresh or bool(needed), made=told)


if __name__ == "__main__":
    main()
