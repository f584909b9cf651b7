"""Where everything of a town is: its folder, its ports, its names.

Owns paths, ports and domain names, all derived from one folder and one number (PORT_BASE). Refuses to
create anything. Fails with ValueError on a port base that leaves no room.

One SMTP port serves the whole town, as port 25 does the internet: the mail daemon listens on 127.0.0.1, each
carrier on its own loopback address.
"""

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_BASE = 8400
LOOPBACK = "127.0.0.1"

WARD_DOMAIN = "minamo.example"
REGISTRATION_DOMAIN = f"touroku.{WARD_DOMAIN}"
BOUNCE_DOMAIN = f"bounce.{WARD_DOMAIN}"
FROM_DOMAIN = f"mail.{WARD_DOMAIN}"
FROM_ADDRESS = f"gakkou@{FROM_DOMAIN}"
MAIL_HOST = f"mx.{WARD_DOMAIN}"


@dataclass(frozen=True, slots=True)
class Places:
    """One town. `folder` holds all of its data; deleting it forgets the town."""

    folder: Path
    base: int = DEFAULT_BASE

    def __post_init__(self) -> None:
        if not 1024 <= self.base <= 65_000:
            raise ValueError("PORT_BASE: expected a number from 1024 to 65000")

    @classmethod
    def from_environment(cls) -> "Places":
        """What `demo.town` tells its processes: KARAMAIL_TOWN and PORT_BASE."""
        return cls(Path(os.environ["KARAMAIL_TOWN"]), int(os.environ.get("PORT_BASE", DEFAULT_BASE)))

    @property
    def web_ports(self) -> dict[str, int]:
        return {"town": self.base, "guardian": self.base + 1, "sender": self.base + 2, "admin": self.base + 3}

    @property
    def smtp_port(self) -> int:
        return self.base + 25

    @property
    def dns_port(self) -> int:
        return self.base + 53

    def origin(self, site: str) -> str:
        """The address to open; browsers take every name under .localhost for this machine (RFC 6761)."""
        return f"http://{site}.localhost:{self.web_ports[site]}"

    @property
    def config_file(self) -> Path:
        return self.folder / "karamail.toml"

    @property
    def secrets_dir(self) -> Path:
        return self.folder / "secrets"

    @property
    def mailboxes(self) -> Path:
        """SQLite file of the phones' mailboxes."""
        return self.folder / "mailboxes.db"

    @property
    def zone_file(self) -> Path:
        """What DNS answers, in master file format (RFC 1035 section 5)."""
        return self.folder / "dns.zone"

    @property
    def accounts_file(self) -> Path:
        return self.folder / "accounts.txt"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def run(self) -> Path:
        return self.folder / "run"
