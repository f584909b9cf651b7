"""What nodes show to the world: their certificates, as a browser and a mail server see them.

Owns the handshake, by somebody in the internet who believes the world's authorities. Refuses to judge. Fails
with `LabRefused` when what is shown is not to be believed.
"""

import subprocess
from dataclasses import dataclass

from cryptography import x509

from tests.lab import host, places
from tests.lab.authority import WORLD
from tests.lab.host import LabRefused
from tests.lab.places import Node


@dataclass(frozen=True, slots=True)
class Shown:
    """The serial numbers of what a node shows: to browsers, to mail servers."""

    site: int
    mail: int


def shown(node: Node) -> Shown:
    name = places.SITES["guardian"]
    site = handshake(node.front, 443, "-servername", name, "-verify_hostname", name)
    mail = handshake(node.front, 25, "-starttls", "smtp", "-verify_hostname", node.mx)
    return Shown(site.serial_number, mail.serial_number)


def handshake(address: str, port: int, *more: str) -> x509.Certificate:
    """What is shown there to somebody who believes the world's authorities, and nobody else."""
    words = host.inside(
        "internet", "openssl", "s_client", "-connect", f"{address}:{port}", "-CAfile", WORLD,
        "-verify_return_error", *more,
    )  # fmt: skip
    done = subprocess.run(words, input="QUIT\r\n", capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise LabRefused(done.stdout[-500:] + done.stderr[-500:])
    pem = done.stdout[done.stdout.index("-----BEGIN") : done.stdout.index("-----END CERTIFICATE-----") + 25]
    return x509.load_pem_x509_certificate(pem.encode())


def works(node: str) -> str:
    """Which processes of proxy and mail zone run."""
    return host.on(node, "systemctl show --property MainPID nginx karamail-mail")
