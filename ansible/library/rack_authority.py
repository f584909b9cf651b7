#!/usr/bin/python
"""Ansible module: a small certificate authority on the control machine, and certificates that it signs.

Owns one folder: `authority.crt` and `.key`, made once, and for each entry FOLDER/NODE/NAME.crt and .key
(ECDSA P-256), made when they are missing, about to expire, for other names than asked, or of another
authority. `trusted.crt` is what everybody believes. An authority has a successor in three steps, between
which the rack is given time: `announce` makes it and has it believed, `issue` lets it sign and destroys the
old one's key, `conclude` forgets the old one. Refuses to overwrite the authority otherwise. Fails as the disk
does; check mode changes nothing. The folder is as secret as the keys in it: its owner alone may read it.
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
  succession: {description: A step towards another authority., type: str, default: none}
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


def authority(folder: Path, title: str, now: datetime, name: str = "authority") -> bool:
    """Makes it unless it is there; whether it had to."""
    if (folder / f"{name}.key").exists():
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
    _write(folder / f"{name}.crt", made.public_bytes(Encoding.PEM), 0o644)
    _write(folder / f"{name}.key", _plain(key), 0o600)
    return True


def succeed(folder: Path, step: str, title: str, now: datetime) -> bool:
    """Takes one step, unless it has been taken; whether it had to. A run that was interrupted is repeated."""
    former, successor = folder / "former.crt", folder / "successor.crt"
    if step == "announce" and not former.exists():
        return authority(folder, f"{title}, {now:%Y-%m-%d}", now, "successor")
    if step == "issue" and successor.exists():
        if not former.exists():
            (folder / "authority.crt").rename(former)
        if successor.with_suffix(".key").exists():
            successor.with_suffix(".key").rename(folder / "authority.key")
        successor.rename(folder / "authority.crt")
        return True
    if step == "conclude" and former.exists():
        former.unlink()
        return True
    return False


def believe(folder: Path) -> bool:
    """Writes `trusted.crt` if it is not so already; whether it had to."""
    known = (folder / f"{name}.crt" for name in ("authority", "successor", "former"))
    content = b"".join(path.read_bytes() for path in known if path.exists())
    trusted = folder / "trusted.crt"
    if trusted.exists() and trusted.read_bytes() == content:
        return False
    _write(trusted, content, 0o644)
    return True


def _of(authority_: x509.Certificate, found: x509.Certificate) -> bool:
    signer = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    own = authority_.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return signer == own


def wanted(folder: Path, entry: dict, good_until: datetime) -> str | None:
    """Why a certificate has to be made, or None."""
    path = folder / entry["node"] / f"{entry['name']}.crt"
    if not path.exists() or not path.with_suffix(".key").exists():
        return "missing"
    found = x509.load_pem_x509_certificate(path.read_bytes())
    if found.not_valid_after_utc < good_until:
        return "expires"
    issuer = folder / "authority.crt"
    if issuer.exists() and not _of(x509.load_pem_x509_certificate(issuer.read_bytes()), found):
        return "another authority"
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
            "succession": {
                "type": "str",
                "default": "none",
                "choices": ["none", "announce", "issue", "conclude"],
            },
            "certificates": {"type": "list", "elements": "dict", "required": True, "options": entry},
        },
        supports_check_mode=True,
    )
    folder, now = Path(module.params["folder"]), datetime.now(UTC)
    good_until = now + timedelta(days=module.params["renew_days"])
    title, step = module.params["title"], module.params["succession"]
    if module.check_mode:
        needed = _needed(module.params["certificates"], folder, good_until)
        module.exit_json(changed=bool(needed) or step != "none", made=needed)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = authority(folder, title, now) or succeed(folder, step, title, now)
    needed = _needed(module.params["certificates"], folder, good_until)
    for each in module.params["certificates"]:
        if wanted(folder, each, good_until):
            issue(folder, each, now, timedelta(days=module.params["days"]))
    believed = believe(folder)
    module.exit_json(changed=fresh or believed or bool(needed), made=needed)


def _needed(entries: list[dict], folder: Path, good_until: datetime) -> list[str]:
    """What has to be made, and why, in words."""
    found = ((each, wanted(folder, each, good_until)) for each in entries)
    return [f"{each['node']}/{each['name']}: {why}" for each, why in found if why]


if __name__ == "__main__":
    main()
