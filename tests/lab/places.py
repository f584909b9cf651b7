"""Where everything in the lab is: folders, namespaces, addresses, names.

Owns them as constants. Refuses to create anything. Cannot fail. Addresses are those of RFC 5737, which nobody
has.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "var" / "lab"
BUNDLE = ROOT / "var" / "bundle"
BASE = LAB / "base"
LOGS = LAB / "log"
RUN = LAB / "run"
KEY = LAB / "ssh" / "vendor"
KNOWN_HOSTS = LAB / "ssh" / "known_hosts"
SECRETS = LAB / "secrets"
MAILBOXES = LAB / "internet" / "mailboxes.db"
SCHOOL_PC = LAB / "internet" / "school-pc.json"
"""What the browser of the school's PC keeps: the cookie of its device."""
ZONE_FILE = LAB / "internet" / "root.zone"

_INSTANCE = hashlib.sha256(str(ROOT).encode()).hexdigest()[:4]
"""Labs of two folders run side by side: namespaces are the machine's, all else is the folder's."""


def namespace(name: str) -> str:
    """The name under /run/netns of `wire`, `internet` or a node."""
    return f"lab{_INSTANCE}-{name}"


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its name, its address towards the internet, its address in the rack."""

    name: str
    front: str
    rack: str

    @property
    def folder(self) -> Path:
        return LAB / "nodes" / self.name

    @property
    def mx(self) -> str:
        """Its name as a mail server."""
        return f"mx{self.name[1:]}.{WARD_DOMAIN}"

    @property
    def root(self) -> Path:
        """Its file system as it sees it."""
        return self.folder / "root"


NODES = tuple(
    Node(f"n{number}", f"203.0.113.{10 + number}", f"10.77.0.{10 + number}") for number in (1, 2, 3)
)
BY_NAME = {node.name: node for node in NODES}
VIRTUAL = "203.0.113.10"
ADMIN = "203.0.113.9"
CONTROL = "10.77.0.1"
AUTHORITY = "198.51.100.80"
AUTHORITY_NAME = "acme.nic.example"
"""Issues certificates to whom a name leads (RFC 8555)."""
GATEWAY = "203.0.113.1"
DNS = "198.51.100.53"
CARRIER_NET = "198.51.100"
"""The carriers have the last octet of their loopback address in `demo.carriers.brands`."""
GUARDIAN = "198.51.100.99"
VENDOR = "198.51.100.25"
"""The vendor's own mail server, which takes alerts; only a test that wants them runs it."""
ATTACKER = "192.0.2.66"
ON_THE_INTERNET = (
    DNS, AUTHORITY, GUARDIAN, VENDOR, ATTACKER, *(f"{CARRIER_NET}.{octet}" for octet in range(11, 17)),
)  # fmt: skip

WARD_DOMAIN = "minamo.example"
REGISTRATION_DOMAIN = f"touroku.{WARD_DOMAIN}"
BOUNCE_DOMAIN = f"bounce.{WARD_DOMAIN}"
POLICY_HOSTS = tuple(f"mta-sts.{domain}" for domain in (REGISTRATION_DOMAIN, BOUNCE_DOMAIN))
FROM_DOMAIN = f"mail.{WARD_DOMAIN}"
SITES = {site: f"{site}.{WARD_DOMAIN}" for site in ("guardian", "sender", "admin")}
