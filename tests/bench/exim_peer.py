"""The peer Exim: Debian's daemon, which signs by itself, in seclusion, on loopback.

What was set in its favour: delivery at once and never through the queue runner's rounds, as many messages in
one connection and as many deliveries side by side as come, no DNS look-ups, no message logs, a split spool,
and a log that is kept nowhere. Everything about durability is Exim's default: each message is on disk before
its 250. Same text, RSA-2048, relaxed/relaxed. Exim delivers each message in a process of its own, which is
how it was made: a connection carries one message.
"""

from pathlib import Path
from types import TracebackType

from tests.bench import message, peer
from tests.bench.peer import Counting, PeerRun
from tests.bench.sinks import Sink
from tests.support.mtas import Exim
from tests.support.seclusion import Seclusion
from tests.support.waiting import free_port, listening, until

_PROGRAM = Exim._PROGRAM
_CONFIG = """\
exim_path = {program}
primary_hostname = mx.midori.example
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
log_selector = -all
message_logs = false
split_spool_directory = true
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
queue_run_max = 0
acl_smtp_rcpt = accept
acl_not_smtp =
keep_environment =
never_users = root

begin routers
{routers}
begin transports
{transports}
begin retry
* * F,1h,1s
"""
_ROUTER = """\
to{number}:
  driver = manualroute
  domains = {domain}
  transport = to{number}
  route_list = * {host}
  self = send
"""
_TRANSPORT = """\
to{number}:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_try_dane =
  {tls}
  dkim_domain = {dkim_domain}
  dkim_selector = {selector}
  dkim_private_key = /etc/exim4/dkim.pem
  dkim_canon = relaxed
"""


def why_not() -> str | None:
    """Why the peer cannot run here, or None."""
    return Exim.why_not()


class EximPeer:
    """`with EximPeer(folder, sinks.all) as exim: exim.blast(5000, sinks, within_s=100)`."""

    def __init__(self, folder: Path, sinks: list[Sink], *, tls: bool = False) -> None:
        self._inside = Seclusion(folder, ("Debian-exim",))
        self._sinks = sinks
        self._tls = "" if tls else "hosts_avoid_tls = *"
        self.smtp_port = free_port()

    def __enter__(self) -> "EximPeer":
        inside = self._inside
        for path in ("/var/spool/exim4", "/var/log/exim4", "/run/exim4"):
            inside.room(path, "Debian-exim")
        routers = [
            _ROUTER.format(number=number, domain=sink.domain, host=sink.host)
            for number, sink in enumerate(self._sinks)
        ]
        transports = [
            _TRANSPORT.format(
                number=number, port=sink.port, tls=self._tls, dkim_domain=message.DOMAIN,
                selector=message.SELECTOR,
            )
            for number, sink in enumerate(self._sinks)
        ]  # fmt: skip
        text = _CONFIG.format(
            program=_PROGRAM, port=self.smtp_port, routers="".join(routers), transports="".join(transports)
        )
        inside.put("/etc/exim4/exim4.conf", text)
        key = inside.folder / "etc/exim4/dkim.pem"
        peer.write_key(key)
        key.chmod(0o644)  # inside, Exim's user reads it; the folder is ours
        inside.start(str(_PROGRAM), "-bdf", "-q1m")

        def up() -> bool:
            if inside.ended:
                raise RuntimeError(f"Exim ended: {inside.said()[-500:]}")
            return listening(self.smtp_port)

        until(up, within_s=20, why="Exim's SMTP port")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.__exit__(kind, error, trace)

    def blast(self, messages: int, sinks: Counting, *, within_s: float) -> PeerRun:
        """Injects so many messages, one recipient each, and waits until the receivers have them all."""
        return peer.blast(self.smtp_port, messages, sinks, within_s=within_s)
