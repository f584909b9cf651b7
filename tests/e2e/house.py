"""One school, its workers and the receivers of its mail: what the end-to-end tests are played in.

`House(folder, url)` is an `Installation` with a nameserver that can fail and receivers on addresses of their
own. Every log of every worker is read at the end: nothing personal may stand in it.
"""

import signal
import socket
import socketserver
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.zonefile

from appliance import broadcast, clock, delivery
from appliance.actor import Actor
from appliance.audience import Audience, echo
from appliance.config import Zone
from appliance.models import Broadcast, Delivery, School
from appliance.states import DeliveryState
from demo.dns import answer
from smtp import return_path
from tests.support.installation import Installation
from tests.support.receiver import Mail, Receiver
from tests.support.waiting import free_ports, until

DOMAIN = "keitai.example"
HOST = "127.0.0.31"
OTHER_DOMAIN, OTHER_HOST = "tonari.example", "127.0.0.32"
SUBJECT = "下校時刻の変更について"
BODY = "本日は13時30分に下校します。\n\n校長 青柳\n"
# None of these may ever stand in a log.
CANARIES = ("hogosha", DOMAIN, OTHER_DOMAIN, "下校", "青柳", "みどり小", "児童", "Midori Elementary", "/r/")


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    names: "Names"


class _Query(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, reply_to = self.request
        query = dns.message.from_wire(wire)
        names = self.server.names  # type: ignore[attr-defined]
        asked = query.question[0].name.to_text(omit_final_dot=True).lower()
        if any(asked.endswith(each) for each in names.silent):
            return
        if any(asked.endswith(each) for each in names.failing):
            response = dns.message.make_response(query)
            response.set_rcode(dns.rcode.SERVFAIL)
            reply: bytes | None = response.to_wire()
        else:
            reply = answer(names.records, wire)
        if reply is not None:
            reply_to.sendto(reply, self.client_address)


class Names:
    """A nameserver. Domains in `failing` get SERVFAIL, those in `silent` no answer at all."""

    def __init__(self, port: int) -> None:
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.zone("")
        self._server = _Udp(("127.0.0.1", port), _Query)
        self._server.names = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def zone(self, text: str) -> None:
        """What there is from now on, as a master file."""
        sets = dns.zonefile.read_rrsets(
            text, origin=dns.name.root, relativize=False, rdclass=None, default_ttl=5
        )
        self.records = {(found.name, found.rdtype): found for found in sets}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def mx(domain: str, host: str) -> str:
    """The records of a domain with one mail host."""
    return f"{domain}. IN MX 10 mx.{domain}.\nmx.{domain}. IN A {host}\n"


class House:
    """`with House(folder, url) as house:`; keyword arguments go into `[relay]` of its configuration."""

    def __init__(
        self, folder: Path, database_url: str, *, connections: int = 10, workers: int = 1, **relay: object
    ) -> None:
        self.mail_port, dns_port, *_ = free_ports(2)
        (self.smtp_port,) = free_ports(1, HOST)
        self.installation = Installation(
            folder, database_url, mail_port=self.mail_port, dns_port=dns_port, smtp_port=self.smtp_port
        )
        self.folder = folder
        self.file = folder / "karamail.toml"
        extra = "".join(f"{key} = {value}\n" for key, value in relay.items())
        text = self.file.read_text().replace("[relay]\n", "[relay]\n" + extra)
        text = text.replace("workers = 1", f"workers = {workers}", 1)
        self.file.write_text(text + f"\n[relay.sites.other]\nconnections = {connections}\n")
        self.names = Names(dns_port)
        self.names.zone(mx(DOMAIN, HOST) + mx(OTHER_DOMAIN, OTHER_HOST))
        self._receivers: list[Receiver] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sent = 0
        self.canaries = [*CANARIES]

    def __enter__(self) -> "House":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill() if error else process.terminate()
        self.installation.close()
        self.names.close()
        for receiver in self._receivers:
            receiver.__exit__(kind, error, trace)
        if error is None:
            self.assert_silent()

    # --- people

    def school(self, guardians: int, address_of: Callable[[int], str] | None = None) -> tuple[School, Actor]:
        """A school, so many registered guardians, and its principal."""
        school = self.installation.school(guardians, address_of or (lambda n: f"hogosha{n}@{DOMAIN}"))
        return school, self.installation.principal(school)

    def send(
        self, school: School, actor: Actor, *, urgent: bool = False, subject: str = SUBJECT
    ) -> Broadcast:
        """To everybody of the school."""
        self._sent += 1
        written = broadcast.draft(
            actor, school, urgent=urgent, category="event", once_key=f"e2e-{self._sent}", now=clock.now(),
            subject=subject, body=BODY, audience=Audience(None),
        )  # fmt: skip
        count = echo(school.id, Audience(None)).addresses
        broadcast.send(self.installation.config, actor, written, shown_addresses=count, now=clock.now())
        return written

    # --- machines

    def receiver(self, host: str = HOST, **how: object) -> Receiver:
        receiver = Receiver(host, self.smtp_port, self.folder / "receivers", **how)  # type: ignore[arg-type]
        receiver.start()
        self._receivers.append(receiver)
        return receiver

    def worker(self, name: str = "1", *, ready: bool = True) -> "subprocess.Popen[bytes]":
        started = self.log(name).count("process.started")
        process = self.installation.worker(name)
        self._processes.append(process)
        if ready:
            until(
                lambda: self.log(name).count("process.started") > started,
                within_s=30,
                why=f"worker {name} starts",
            )
        return process

    def log(self, name: str = "1") -> str:
        path = self.folder / f"worker-{name}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    # --- looking

    def states(self, sent: Broadcast | None = None) -> dict[DeliveryState, int]:
        """How many deliveries are in which state; states without any are left out."""
        rows = Delivery.select(Delivery.state).tuples()
        if sent is not None:
            rows = rows.where(Delivery.broadcast == sent.id)
        return dict(Counter(DeliveryState(row[0]) for row in rows))

    def wait_until(self, sent: Broadcast, state: DeliveryState, count: int, *, within_s: float = 30) -> None:
        """Until so many deliveries of a broadcast are in that state."""
        until(
            lambda: delivery.progress(sent.id).by_state[state] >= count,
            within_s=within_s,
            why=f"{count} {state}; there are {self.states(sent)}",
        )

    def uncertain(self) -> set[int]:
        """The deliveries that are listed as perhaps sent twice."""
        found = Delivery.select(Delivery.id).where(Delivery.uncertain == True)  # noqa: E712  (SQL)
        return {row[0] for row in found.tuples()}

    def delivery_of(self, mail: Mail) -> int:
        """The delivery that a mail belongs to, read from its Message-ID."""
        key = self.installation.keyring(Zone.MAIL).secret("return-path.key")
        local_part = mail.header("Message-ID").strip("<>").partition("@")[0]
        return return_path.read(key, local_part, now=clock.now(), life_days=45)

    def hurry(self) -> None:
        """As an operator would: what is deferred is tried again now."""
        Delivery.update(next_at=clock.now()).where(Delivery.state == DeliveryState.DEFERRED).execute()

    def assert_silent(self) -> None:
        """No log of this house names anybody or quotes anything."""
        for path in self.folder.glob("worker-*.log"):
            text = path.read_text(encoding="utf-8")
            found = [word for word in self.canaries if word in text]
            assert not found, f"{path.name} says {found}"
            assert "Traceback" not in text
            assert '"event": "unexpected"' not in text, text


def port_is_free(host: str, port: int) -> bool:
    """Whether a listener could be there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
