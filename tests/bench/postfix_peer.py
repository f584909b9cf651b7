"""The peer: Debian's Postfix with OpenDKIM as its milter, in private folders, on loopback.

Never touches /etc/postfix, the machine's queue or a running service: its own configuration, queue and data
folders in one temporary folder, `postfix -c` on it. Starts only as root, as Postfix does.

What was set in its favour: the milter on a local socket (over TCP, delayed acknowledgements cost it half its
speed), connection caching, long queue ids, no DNS look-ups, no input flow control, no per-client limits, an
active queue that holds everything, a warm-up before the clock starts, and no log at all (a node keeps one).
5 connections per receiver and 60 processes were the best of five settings tried, by 15 %. Everything about
durability is Postfix's default: each message is on disk before its 250. Same text, RSA-2048,
relaxed/relaxed.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench import message
from tests.bench.client import Client
from tests.bench.sinks import Sink, Sinks
from tests.support.programs import why_no_opendkim, why_no_postfix
from tests.support.waiting import free_port, listening, until

INJECTORS = 20
WARM_UP = 200

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.midori.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
transport_maps = regexp:{folder}/config/transport
smtpd_milters = unix:{folder}/opendkim.sock
milter_default_action = tempfail
disable_dns_lookups = yes
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtp_destination_concurrency_limit = 5
initial_destination_concurrency = 5
default_process_limit = 60
qmgr_message_active_limit = 250000
qmgr_message_recipient_limit = 250000
enable_long_queue_ids = yes
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
biff = no
"""

_MASTER = """\
127.0.0.1:{smtp_port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

_OPENDKIM = """\
Mode s
Domain {domain}
Selector {selector}
KeyFile {folder}/dkim.pem
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
Socket local:{folder}/opendkim.sock
UMask 000
InternalHosts 127.0.0.1
PidFile {folder}/opendkim.pid
Syslog no
AutoRestart no
OversignHeaders From
RequireSafeKeys no
"""


def why_not() -> str | None:
    """Why the peer cannot run here, or None."""
    return why_no_postfix() or why_no_opendkim()


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One blast through the peer; seconds from the first injection."""

    seconds: float
    injected_s: float


class PostfixPeer:
    """`with PostfixPeer(folder, sinks.all) as peer: peer.blast(5000, sinks)`.

    `folder` must not exist yet, must lie on the disk that is to be measured, and every user must be able
    to reach it.
    """

    def __init__(self, folder: Path, sinks: list[Sink]) -> None:
        self.folder = folder
        self._sinks = sinks
        self.smtp_port = free_port()
        self._opendkim: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostfixPeer":
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def _start(self) -> None:
        for name, owner in (("config", "root"), ("queue", "root"), ("data", "postfix")):
            (self.folder / name).mkdir(parents=True)
            os.chown(self.folder / name, pwd.getpwnam(owner).pw_uid, -1)
        words = {
            "folder": self.folder,
            "smtp_port": self.smtp_port,
            "domain": message.DOMAIN,
            "selector": message.SELECTOR,
        }
        config = self.folder / "config"
        (config / "main.cf").write_text(_MAIN.format(**words))
        (config / "master.cf").write_text(_MASTER.format(**words))
        (config / "transport").write_text(
            "".join(f"/@{sink.domain}$/ smtp:[{sink.host}]:{sink.port}\n" for sink in self._sinks)
        )
        (self.folder / "opendkim.conf").write_text(_OPENDKIM.format(**words))
        self._write_key()
        self._opendkim = subprocess.Popen(
            ["/usr/sbin/opendkim", "-f", "-x", str(self.folder / "opendkim.conf")],
            stdin=subprocess.DEVNULL,
        )
        until((self.folder / "opendkim.sock").exists, why="OpenDKIM's milter socket")
        self._postfix("start")
        until(lambda: listening(self.smtp_port), why="Postfix's SMTP port")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._postfix("abort", check=False)
        if self._opendkim is not None:
            self._opendkim.send_signal(signal.SIGTERM)
            self._opendkim.wait()
        until(lambda: not listening(self.smtp_port), why="Postfix to be gone")
        shutil.rmtree(self.folder, ignore_errors=True)

    def blast(self, messages: int, sinks: Sinks, *, within_s: float) -> PeerRun:
        """Injects so many messages, one recipient each, and waits until the receivers have them all."""
        self._through(WARM_UP, sinks, within_s)
        return self._through(messages, sinks, within_s)

    def _through(self, messages: int, sinks: Sinks, within_s: float) -> PeerRun:
        before = sinks.counted()
        begun = time.monotonic()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_inject(self.smtp_port, messages))
        injected_s = time.monotonic() - begun
        ended = sinks.wait(before + messages, within_s=within_s)
        return PeerRun(seconds=ended - begun, injected_s=injected_s)

    def _write_key(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = self.folder / "dkim.pem"
        path.touch(mode=0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))

    def _postfix(self, verb: str, *, check: bool = True) -> None:
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "config"), verb], capture_output=True, text=True
        )
        if check and done.returncode:
            raise RuntimeError(f"postfix {verb}: {done.stdout}{done.stderr}")


async def _inject(port: int, messages: int) -> None:
    """Persistent connections side by side; sender, recipient and DATA in one write."""
    numbers = iter(range(messages))
    sender = message.SENDER.encode()

    async def one_connection() -> None:
        client = await Client.connect("127.0.0.1", port)
        for number in numbers:
            to = message.recipient(number).encode()
            envelope = b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n" % (sender, to)
            await client.ask(envelope, b"250", b"250", b"354")
            await client.ask(message.wire(number) + b".\r\n", b"250")
        await client.ask(b"QUIT\r\n", b"221")
        client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(INJECTORS):
            group.create_task(one_connection())
