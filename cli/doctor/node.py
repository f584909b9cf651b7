"""The running node: its doors, its workers, its clock, and the way out.

Owns looking at ports as a stranger would and at the kernel's own lists. Connects to this machine, to our own
sites by their public names, and, only if `doctor.outward_target` says so, to one receiver. Refuses to send
anything but QUIT.
"""

import ctypes
import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from appliance.config import Config, Zone
from cli.doctor.files import validity
from cli.doctor.finding import Finding, broken, ok, warning
from cli.look_up import Names, NotThere

_TIMEOUT_S = 5.0
_LISTEN = "0A"  # the kernel's word for a listening socket in /proc/net/tcp
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized


def mail_port(config: Config) -> Iterator[Finding]:
    """Somebody answers on port 25, and as many workers as there should be."""
    start = "start the mail workers: karamail serve mail --worker 1 (one per core)."
    for endpoint in config.mail.listen:
        host, port = _here(endpoint)
        try:
            banner = _banner(host, port)
        except OSError as error:
            yield broken(
                "workers", f"{endpoint}: nobody answers ({error.strerror or type(error).__name__})",
                "empty mails do not arrive, and nothing is sent.", start,
            )  # fmt: skip
            continue
        if not banner.startswith("220 "):
            means = "empty mails wait at their senders."
            yield warning(
                "workers", f"{endpoint} turns callers away ({banner[:3]})", means, "look in the mail log."
            )
        elif banner[4:].split(" ")[0] != config.mail.hostname:
            means = "empty mails do not arrive."
            todo = "stop the other mail server on this machine."
            yield broken("workers", f"{endpoint} is another mail server", means, todo)
        else:
            yield ok("workers", f"{endpoint} answers as {config.mail.hostname}")
            count = listeners(port)
            if count < config.mail.workers:
                yield warning(
                    "workers", f"{count} of {config.mail.workers} mail workers run",
                    "a large broadcast takes longer.", start,
                )  # fmt: skip


def listeners(port: int) -> int:
    """How many sockets listen on a port: each worker has one of its own (SO_REUSEPORT)."""
    count = 0
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        words = [row.split() for row in rows]
        count += sum(each[3] == _LISTEN and int(each[1].rpartition(":")[2], 16) == port for each in words)
    return count


def sites(config: Config) -> Iterator[Finding]:
    """The three web sites answer behind the proxy."""
    for zone in (Zone.GUARDIAN, Zone.SENDER, Zone.ADMIN):
        host, port = _here(config.site(zone).listen)
        means = {
            Zone.GUARDIAN: "the link in the reply does not open: nobody can register.",
            Zone.SENDER: "schools cannot send from outside.",
            Zone.ADMIN: "schools cannot send or manage registrants.",
        }[zone]
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            what = f"{zone.value}: nobody answers on {config.site(zone).listen} ({type(error).__name__})"
            yield broken("sites", what, means, f"karamail serve {zone.value}")
            continue
        finally:
            connection.close()
        if status == 204:
            yield ok("sites", f"{zone.value} answers")
        else:
            what = f"{zone.value}: {config.site(zone).listen} answers {status}: another program is there"
            yield broken("sites", what, means, "give one of the two another port.")


def site_certificates(config: Config) -> Iterator[Finding]:
    """What a phone sees of each https origin, from this machine."""
    names = Names(config.relay.nameservers)
    for zone in (Zone.GUARDIAN, Zone.SENDER, Zone.ADMIN):
        origin = urlsplit(config.site(zone).origin)
        if origin.scheme != "https" or origin.hostname is None:
            continue
        area, what = "certificate", f"{origin.hostname}"
        try:
            ip = names.find(origin.hostname, "A")[0]
            begins, ends = _certificate_of(ip, origin.port or 443, origin.hostname)
        except NotThere as reason:
            means = "the page does not open."
            yield broken(area, f"{what}: {reason}", means, "publish the address of the web server.")
        except ssl.SSLCertVerificationError as error:
            means = "browsers warn, and the page does not open."
            runbook = "docs/operations.md, Certificates that the world sees."
            yield broken(area, f"{what}: {error.verify_message}", means, runbook)
        except OSError as error:
            yield warning(
                area, f"{what}: cannot be reached from here ({type(error).__name__})",
                "perhaps the page does not open.", "open it from outside; look at proxy and firewall.",
            )  # fmt: skip
        else:
            yield from validity(area, what, begins, ends)


def _certificate_of(ip: str, port: int, host: str) -> tuple[datetime, datetime]:
    context = ssl.create_default_context()
    with (
        socket.create_connection((ip, port), _TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        found = wrapped.getpeercert() or {}
    begins, ends = (ssl.cert_time_to_seconds(str(found[key])) for key in ("notBefore", "notAfter"))
    return datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC)


def synchronized() -> Iterator[Finding]:
    """Whether the kernel thinks that its clock is kept in step (adjtimex, reading only)."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    if state < 0:
        return  # not from within a sandbox; node-exporter sees it
    if state == _TIME_ERROR:
        yield warning(
            "clock", "nobody keeps this machine's clock in step",
            "links may end too early; signatures with a wrong time are refused.",
            "start chrony or systemd-timesyncd.",
        )  # fmt: skip
    else:
        yield ok("clock", "is kept in step")


def way_out(config: Config) -> Iterator[Finding]:
    """Port 25 to the outside, which many networks close."""
    target = config.doctor.outward_target
    if target is None:
        yield ok("way out", "port 25 to the outside was not tried (doctor.outward_target)")
        return
    host, port = _here(target)
    means = "nothing arrives at anybody."
    try:
        banner = _banner(host, port, config.relay.source_address)
    except OSError as error:
        yield broken(
            "way out", f"{target} cannot be reached ({error.strerror or type(error).__name__})", means,
            "ask your internet provider to open port 25 to the outside for this server.",
        )  # fmt: skip
        return
    if banner.startswith("220"):
        yield ok("way out", f"{target} lets us in")
    else:
        todo = "read what it says: " + banner.strip()[:200]
        yield warning("way out", f"{target} turns us away", "some carriers may refuse us.", todo)


def _banner(host: str, port: int, source: str = "") -> str:
    """The first line of an SMTP server. Raises `OSError`."""
    local = (source, 0) if source else None
    with socket.create_connection((host, port), _TIMEOUT_S, source_address=local) as connection:
        line = connection.makefile("rb").readline(600)
        connection.sendall(b"QUIT\r\n")
    return line.decode("ascii", "replace").rstrip()


def _here(endpoint: str) -> tuple[str, int]:
    """Where to knock for an address to listen on."""
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)
