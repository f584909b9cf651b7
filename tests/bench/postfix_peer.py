"""The peer: Debian's Postfix with OpenDKIM as its milter, in private folders, on loopback.

Never touches /etc/postfix, the machine's queue or a running service: its own configuration, queue and data
folders in one temporary folder, `postfix -c` on it. Starts only as root, as Postfix does.

What was set in its favour: the milter on a local socket (over TCP, delayed acknowledgements cost it half its
speed), connection caching, long queue ids, no DNS look-ups, no input flow control, no per-client limits, an
active queue that holds everything, a warm-up before the clock starts, and no log at all (a node keeps one).
5 connections per receiver and 60 processes were the best of five settings tried, by 15 %. Everything about
durability is Postfix's default: each message is on disk before its 250. Same text, RSA-2048,
relaxed/relaxed. Over STARTTLS connections are reused, too (`smtp_tls_connection_reuse`).
"""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType

from tests.bench import message, peer
from tests.bench.peer import Counting, PeerRun
from tests.bench.sinks import Sink
from tests.support.programs import why_no_opendkim, why_no_postfix
from tests.support.waiting import free_port, listening, until

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
smtp_tls_security_level = {tls_level}
smtp_tls_connection_reuse = {tls_reuse}
smtp_tls_session_cache_database =
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
tlsproxy unix - - n - 0 tlsproxy
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


def main_cf(folder: Path, *, tls: bool = False) -> str:
    """Postfix's settings; `tls`: over STARTTLS where it is offered."""
    return _MAIN.format(folder=folder, tls_level="may" if tls else "none", tls_reuse="yes" if tls else "no")


def master_cf(smtp_port: int) -> str:
    """Postfix's services."""
    return _MASTER.format(smtp_port=smtp_port)


class PostfixPeer:
    """`with PostfixPeer(folder, sinks.all) as peer: peer.blast(5000, sinks)`.

    `folder` must not exist yet, must lie on the disk that is to be measured, and every user must be able
    to reach it.
    """

    def __init__(self, folder: Path, sinks: list[Sink], *, tls: bool = False) -> None:
        self.folder = folder
        self._tls = tls
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
        words = {"folder": self.folder, "domain": message.DOMAIN, "selector": message.SELECTOR}
        config = self.folder / "config"
        (config / "main.cf").write_text(main_cf(self.folder, tls=self._tls))
        (config / "master.cf").write_text(master_cf(self.smtp_port))
        (config / "transport").write_text(
            "".join(f"/@{sink.domain}$/ smtp:[{sink.host}]:{sink.port}\n" for sink in self._sinks)
        )
        (self.folder / "opendkim.conf").write_text(_OPENDKIM.format(**words))
        peer.write_key(self.folder / "dkim.pem")
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

    def blast(self, messages: int, sinks: Counting, *, within_s: float) -> PeerRun:
        """Injects so many messages, one recipient each, and waits until the receivers have them all."""
        return peer.blast(self.smtp_port, messages, sinks, within_s=within_s)

    def _postfix(self, verb: str, *, check: bool = True) -> None:
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "config"), verb], capture_output=True, text=True
        )
        if check and done.returncode:
            raise RuntimeError(f"postfix {verb}: {done.stdout}{done.stderr}")
