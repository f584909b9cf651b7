"""Karamail's side of the bench: a real installation, its own workers, from "send" to the last 250.

Measured from the call of `broadcast.send` (one delivery per address is written in it) until the database says
that every delivery was accepted, so that the commit of the last outcome is in it, too. Registering the
guardians beforehand is not. Limits per site are opened wide: the receivers have none. Signed with RSA-2048
only, as the peer signs. With `take_back_s` the clock starts at the end of those seconds, in which mails are
signed ahead.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from appliance import broadcast, clock, delivery
from appliance.audience import Audience
from appliance.models import Delivery
from appliance.states import DELIVERY_OPEN, DeliveryState
from tests.bench.memory import peak_rss_mb
from tests.bench.message import SUBJECT, TEXT, recipient
from tests.bench.sinks import Sink
from tests.support.installation import Installation, nameserver
from tests.support.waiting import free_port, until

CONNECTIONS = 16
_MAIL = """workers = %d
dkim_ed25519 = false
max_sessions_per_network = 1500
requests_per_domain_per_hour = 1000000"""  # everybody comes from one network and eight domains
_LIMITS = "\n[relay.sites.other]\nconnections = %d\nmessages_per_connection = 10000\n"


def zone(sinks: Sequence[Sink]) -> str:
    """DNS for the receivers of a run."""
    return "\n".join(
        f"{sink.domain}. IN MX 10 mx.{sink.domain}.\nmx.{sink.domain}. IN A {sink.host}" for sink in sinks
    )


def installation_for(
    database_url: str, workers: int, folder: Path | None = None, **numbers: int
) -> Installation:
    """`folder` where the database is no file in one."""
    folder = (folder or Path(database_url.removeprefix("sqlite:///")).parent) / "installation"
    installation = Installation(folder, database_url, **numbers)
    path = folder / "karamail.toml"
    limits = _LIMITS % (CONNECTIONS * workers)
    text = path.read_text().replace("workers = 1", _MAIL % workers, 1) + limits
    path.write_text(text)
    return installation


def started(installation: Installation, workers: int) -> "list[subprocess.Popen[bytes]]":
    """So many workers, which have divided the receivers' limits among themselves."""
    names = [str(number) for number in range(1, workers + 1)]
    processes = [installation.worker(name) for name in names]
    until(lambda: installation.divided(*names), within_s=40, why="the workers know each other")
    return processes


def blast(
    recipients: int, workers: int, sinks: Sequence[Sink], database_url: str, *, take_back_s: int = 0
) -> dict[str, float]:
    """Seconds from "send" to the last committed 250, and the largest worker's peak memory."""
    mail_port, dns_port = free_port(), free_port()
    installation = installation_for(
        database_url, workers, mail_port=mail_port, dns_port=dns_port, smtp_port=sinks[0].port,
        take_back_s=take_back_s,
    )  # fmt: skip
    try:
        school = installation.school(recipients, recipient)
        actor = installation.principal(school)
        draft = broadcast.draft(
            actor,
            school,
            urgent=True,
            category="disaster",
            once_key="bench",
            now=clock.now(),
            subject=SUBJECT,
            body=TEXT,
            audience=Audience(None),
        )
        with nameserver(dns_port, zone(sinks)):
            processes = started(installation, workers)
            begun = time.monotonic() + take_back_s
            broadcast.send(installation.config, actor, draft, shown_addresses=recipients, now=clock.now())

            still_open = Delivery.select(Delivery.id).where(
                Delivery.broadcast == draft.id, Delivery.state.in_(DELIVERY_OPEN)
            )
            while still_open.exists():  # one look into an index: watching must not cost what is measured
                if time.monotonic() - begun > 900:
                    raise TimeoutError(f"blast of {recipients} not done: {delivery.progress(draft.id)}")
                time.sleep(0.05)
            seconds = time.monotonic() - begun
            accepted = delivery.progress(draft.id).by_state[DeliveryState.ACCEPTED]
            if accepted != recipients:
                raise RuntimeError(f"{accepted} of {recipients} accepted")
            rss_mb = max(peak_rss_mb(process.pid) for process in processes)
    finally:
        installation.close()
    return {"seconds": seconds, "rss_mb": rss_mb}


@contextmanager
def inbound_daemon(database_url: str, folder: Path | None = None) -> Iterator[tuple[str, int, str]]:
    """A running daemon and the address of a school, for `tests.bench.inbound`."""
    with daemon(database_url, folder) as (_, *found):
        yield found[0], found[1], found[2]


@contextmanager
def daemon(database_url: str, folder: Path | None = None) -> Iterator[tuple[int, str, int, str]]:
    """The same, with the daemon's process id before them."""
    mail_port, dns_port = free_port(), free_port()
    installation = installation_for(database_url, 1, folder, mail_port=mail_port, dns_port=dns_port)
    try:
        school = installation.school(1, recipient)
        with nameserver(dns_port, ""):
            process = installation.worker("1")
            until(lambda: "process.started" in installation.log("1"), within_s=30, why="no daemon")
            yield process.pid, "127.0.0.1", mail_port, installation.registration_address(school)
    finally:
        installation.close()
