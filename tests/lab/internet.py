"""The internet of the lab, as a process in its namespace: name servers and carriers.

    python -m tests.lab.internet        until SIGTERM

Owns the records: the carriers', and what the installer published for the ward, which is what `karamail dns`
printed. One server answers for the root and all below. Refuses to know how nodes are made. Fails with OSError
when an address is taken.
"""

import asyncio
import signal
import ssl
from dataclasses import replace
from pathlib import Path

from dns.exception import DNSException

from demo import certificate, dns
from demo.carriers import scenario
from demo.carriers.brands import BRANDS, Brand
from demo.carriers.control import Control
from demo.carriers.mailboxes import Mailboxes
from demo.carriers.serving import Carriers
from demo.phones.owners import ADDRESSES
from demo.places import Places
from tests.lab import places

ROOT_ZONE = f"""\
. IN NS a.nic.example.
a.nic.example. IN A {places.DNS}
{places.AUTHORITY_NAME}. IN A {places.AUTHORITY}
"""
_EVERYDAY = 'title = "Everyday"\nseed = "lab"\n[all]\nlatency_ms = [5, 30]\n'
_CROWD = 60_000
CONTROL_PORT = 8090
"""On loopback: what the carriers have taken (`demo.carriers.control`)."""


def settled(brand: Brand) -> Brand:
    """The carrier at its address in the lab."""
    return replace(brand, ip=f"{places.CARRIER_NET}.{brand.ip.rpartition('.')[2]}")


def publish(records: str) -> None:
    """Puts the ward's records, a master file's text, into the world's DNS; it is seen within a second."""
    places.ZONE_FILE.parent.mkdir(parents=True, exist_ok=True)
    fresh = places.ZONE_FILE.with_suffix(".new")
    fresh.write_text(records, encoding="ascii")
    fresh.rename(places.ZONE_FILE)


async def serve() -> None:
    """Until told to stop."""
    carriers = tuple(settled(brand) for brand in BRANDS)
    folder = Places(places.MAILBOXES.parent)
    certificate.ensure(folder)
    played = replace(scenario.read(_EVERYDAY), brands=carriers)
    residents = Mailboxes(places.MAILBOXES, ADDRESSES, _CROWD)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = dns.Nameserver({}, 53, address=places.DNS)
    tls = _tls(*certificate.paths(folder))
    doors = Carriers(played, 25, residents=residents, tls=tls)
    async with names, doors, Control(doors, CONTROL_PORT):
        watching = asyncio.create_task(_follow(names, dns.carriers_zone(carriers)))
        await stop.wait()
        watching.cancel()
    residents.close()


async def _follow(names: dns.Nameserver, carriers: str) -> None:
    """Reads the ward's records whenever they were published anew."""
    seen = -1.0
    while True:
        stamp = places.ZONE_FILE.stat().st_mtime if places.ZONE_FILE.exists() else 0.0
        if stamp != seen:
            seen = stamp
            ward = places.ZONE_FILE.read_text(encoding="ascii") if stamp else ""
            try:
                names.records = dns.records(ROOT_ZONE + carriers + ward)
            except DNSException as error:
                print(f"not published, the records stay as they were: {error}", flush=True)
        await asyncio.sleep(0.5)


def _tls(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


if __name__ == "__main__":
    asyncio.run(serve())
