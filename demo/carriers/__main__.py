"""`python -m demo.carriers CROWD`: the six carriers of the town, until SIGTERM or SIGINT.

Owns the process. CROWD is how many of the crowd have mailboxes; the environment may give LATENCY_MS. Fails
with a traceback in its log when an address is taken.
"""

import asyncio
import os
import signal
import ssl
import sys

import uvloop

from demo import certificate
from demo.carriers.mailboxes import Mailboxes
from demo.carriers.serving import Carriers
from demo.phones.owners import ADDRESSES
from demo.places import Places


async def serve(places: Places, crowd: int) -> None:
    """Until told to stop."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate.paths(places))
    boxes = Mailboxes(places.mailboxes, ADDRESSES, crowd)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    latency_s = float(os.environ.get("LATENCY_MS", "0")) / 1000
    async with Carriers(boxes, places.smtp_port, tls=tls, latency_s=latency_s):
        await stop.wait()
    boxes.close()


if __name__ == "__main__":
    uvloop.run(serve(Places.from_environment(), int(sys.argv[1]) if len(sys.argv) > 1 else 0))
