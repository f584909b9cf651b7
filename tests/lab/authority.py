"""The lab's public authorities: one issues by ACME to whom a name leads, one signs the rest. And the safe.

Owns var/lab/public and the process of the first, Debian's pebble; the key that a ward keeps in its safe lies
there, too. Refuses certificates between nodes: those are the playbook's. Fails as the disk does, and with
`LabRefused` when the authority does not open.
"""

import json
import shutil
import ssl
import time
import urllib.request
from urllib.error import URLError

import trustme

from tests.lab import host, places, processes, wires
from tests.lab.host import LabRefused

PUBLIC = places.LAB / "public"
WORLD = PUBLIC / "world.crt"
"""What a phone trusts: both."""
_DESK = "127.0.0.1:15000"
"""Where it says what its own certificate is; a lab's authority makes a new one at each start."""


def make() -> None:
    """An authority, the certificates of the other one's desk and of the vendor's mail server, the safe's."""
    shutil.rmtree(PUBLIC, ignore_errors=True)
    PUBLIC.mkdir(mode=0o700)
    authority = trustme.CA(organization_name="Lab authority", key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(PUBLIC / "authority.crt")
    authority.private_key_pem.write_to_path(PUBLIC / "authority.key")
    supply("acme", places.AUTHORITY_NAME)
    supply("vendor", places.VENDOR)
    host.run(
        "openssl", "req", "-x509", "-newkey", "rsa:3072", "-noenc", "-subj", "/CN=safe", "-days", "30",
        "-keyout", PUBLIC / "safe.key", "-out", PUBLIC / "safe.crt",
    )  # fmt: skip


def supply(name: str, *names: str) -> None:
    """A key and a certificate for these names, over those of the same name; as somebody buys them."""
    authority = trustme.CA.from_pem(
        (PUBLIC / "authority.crt").read_bytes(), (PUBLIC / "authority.key").read_bytes()
    )
    made = authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
    made.private_key_pem.write_to_path(PUBLIC / f"{name}.key")
    (PUBLIC / f"{name}.key").chmod(0o600)
    (PUBLIC / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))


def open_acme() -> None:
    """Starts the authority that issues, and notes what phones and nodes shall trust."""
    settings = {
        "listenAddress": f"{places.AUTHORITY}:443", "managementListenAddress": _DESK,
        "certificate": str(PUBLIC / "acme.crt"), "privateKey": str(PUBLIC / "acme.key"),
        "httpPort": 80, "tlsPort": 443,
    }  # fmt: skip
    (PUBLIC / "acme.json").write_text(json.dumps({"pebble": settings}))
    processes.start(
        "acme",
        host.inside("internet", "pebble", "-config", PUBLIC / "acme.json", "-dnsserver", f"{places.DNS}:53"),
        {"PEBBLE_VA_NOSLEEP": "1"},
    )
    (PUBLIC / "issuer.crt").write_bytes(_root())
    WORLD.write_bytes((PUBLIC / "authority.crt").read_bytes() + (PUBLIC / "issuer.crt").read_bytes())


def _root() -> bytes:
    ends = time.monotonic() + 10
    unchecked = ssl._create_unverified_context()  # its desk is on loopback, with the name of its door
    while True:
        try:
            with (
                wires.standing_in("internet"),
                urllib.request.urlopen(f"https://{_DESK}/roots/0", context=unchecked, timeout=2) as told,
            ):
                return told.read()
        except (URLError, OSError) as error:
            if time.monotonic() > ends:
                raise LabRefused(
                    f"the authority that issues does not open: var/lab/log/acme.log ({error})"
                ) from error
            time.sleep(0.2)
