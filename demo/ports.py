"""Whether the town's ports are free, asked before anything starts.

Owns the list of what is listened on and the wording when one is taken. Refuses to take a port. Fails with
`PortBusy`.
"""

import errno
import socket

from appliance.errors import PortBusy
from demo.carriers.brands import BRANDS
from demo.places import LOOPBACK, Places


def wanted(places: Places) -> list[tuple[str, str, int]]:
    """Who listens, on which address, on which port."""
    doors = [(f"the {site} site", LOOPBACK, port) for site, port in places.web_ports.items()]
    doors.append(("the mail daemon", LOOPBACK, places.smtp_port))
    doors += [(f"the carrier {brand.carrier}", brand.ip, places.smtp_port) for brand in BRANDS]
    doors.append(("DNS", LOOPBACK, places.dns_port))
    return doors


def check(places: Places) -> None:
    """Raises `PortBusy`, naming every port that is taken and the way out."""
    taken = [
        f"  {address}:{port} ({who}): {reason}"
        for who, address, port in wanted(places)
        if (reason := _why_not(address, port))
    ]
    if taken:
        raise PortBusy(
            "the town cannot listen on\n" + "\n".join(taken) + "\n"
            "Stop what is there (another town?), or choose other ports: "
            f"PORT_BASE={places.base + 1000} make run"
        )


def _why_not(address: str, port: int) -> str | None:
    kinds = [socket.SOCK_STREAM]
    if port % 100 == 53:
        kinds.append(socket.SOCK_DGRAM)
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as door:
            if kind is socket.SOCK_STREAM:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no tenant
            try:
                door.bind((address, port))
                if kind is socket.SOCK_STREAM:
                    door.listen(1)
            except OSError as error:
                return "already in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return None
