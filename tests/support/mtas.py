"""Debian's mail servers as the other side: Postfix, Exim and OpenSMTPD, each secluded, on loopback.

Each plays the same two parts. As the MX of `<name>.example` it offers STARTTLS, refuses local parts that
begin with `kieta`, and hands the rest to the receiver behind it, which writes everything down. As a sender it
takes mail from this machine and brings what is for the school's registration domain to the daemon under test,
from its own queue, again and again after a 4xx.
"""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from tests.support import seclusion
from tests.support.programs import postfix_programs
from tests.support.seclusion import Seclusion
from tests.support.waiting import listening, until

UNPACKED = Path("/var/cache/karamail-tests")


@dataclass(frozen=True, slots=True)
class Places:
    """Where it listens (`host`:`port`), who is behind it, and who takes registrations."""

    host: str
    port: int
    behind: str
    registrations: str
    daemon_port: int
    certificate: tuple[Path, Path]


class Mta:
    """`with Exim(folder, places) as mta:`"""

    name: ClassVar[str]
    users: ClassVar[tuple[str, ...]] = ()
    groups: ClassVar[tuple[str, ...]] = ()

    def __init__(self, folder: Path, places: Places) -> None:
        self.domain = f"{self.name}.example"
        self.places = places
        self.inside = Seclusion(folder, self.users, self.groups)
        self.words = {
            "name": f"mx.{self.domain}",
            "domain": self.domain,
            "host": places.host,
            "port": places.port,
            "behind": places.behind,
            "registrations": places.registrations,
            "daemon_port": places.daemon_port,
        }

    @classmethod
    def why_not(cls) -> str | None:
        """Why it cannot run here, or None."""
        raise NotImplementedError

    def configure(self) -> tuple[str, ...]:
        """Puts its files in place and returns the command."""
        raise NotImplementedError

    def hurry(self) -> None:
        """What waits in its queue is tried now."""

    def certificate(self, owner: str = "root") -> None:
        chain, key = (path.read_text() for path in self.places.certificate)
        self.inside.put("/etc/ssl/chain.pem", chain)
        self.inside.put("/etc/ssl/key.pem", key, 0o600)
        self.inside.room("/etc/ssl", owner)

    def __enter__(self) -> "Mta":
        self.inside.start(*self.configure())

        def up() -> bool:
            assert not self.inside.ended, self.inside.said()
            return listening(self.places.port, self.places.host)

        until(up, within_s=20, why=f"{self.name} listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.inside.__exit__(kind, error, trace)


class Postfix(Mta):
    name = "postfix"
    users = ("postfix",)
    groups = ("postdrop",)
    _MAIN = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = /var/log/postfix.log
myhostname = {name}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = {domain}
relay_recipient_maps = regexp:/etc/postfix/recipients
transport_maps = regexp:/etc/postfix/transport
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/ssl/chain.pem
smtpd_tls_key_file = /etc/ssl/key.pem
smtpd_tls_loglevel = 1
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
"""
    _MASTER = """\
{host}:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
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
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

    _QUEUES = (
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
        "private", "public", "saved", "trace",
    )  # fmt: skip

    @classmethod
    def why_not(cls) -> str | None:
        if postfix_programs() is None:
            return "Postfix is not on this machine (apt-get install postfix)"
        return seclusion.why_not()

    def configure(self) -> tuple[str, ...]:
        inside = self.inside
        inside.room("/var/lib/postfix", "postfix")
        inside.room("/var/spool/postfix")
        inside.room("/var/spool/postfix/pid")
        for name in self._QUEUES:
            inside.room(f"/var/spool/postfix/{name}", "postfix", 0o700)
        inside.put("/etc/postfix/main.cf", self._MAIN.format(**self.words))
        inside.put("/etc/postfix/master.cf", self._MASTER.format(**self.words))
        inside.put("/etc/postfix/recipients", "!/^kieta/ ok\n")
        inside.put(
            "/etc/postfix/transport",
            "/@{domain}$/ smtp:[{behind}]:{port}\n/@{registrations}$/ smtp:[127.0.0.1]:{daemon_port}\n"
            "/./ error:nowhere\n".format(**self.words),
        )
        self.certificate()
        return ("/usr/lib/postfix/sbin/master", "-d", "-c", "/etc/postfix")

    def hurry(self) -> None:
        self.inside.run("/usr/sbin/postqueue", "-f")


class Exim(Mta):
    name = "exim"
    users = ("Debian-exim",)
    _PROGRAM = UNPACKED / "exim4-daemon-light/usr/sbin/exim4"
    _CONFIG = """\
exim_path = {program}
primary_hostname = {name}
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
log_selector = +tls_cipher
daemon_smtp_ports = {port}
local_interfaces = {host}
host_lookup =
rfc1413_hosts =
tls_advertise_hosts = *
tls_certificate = /etc/ssl/chain.pem
tls_privatekey = /etc/ssl/key.pem
acl_smtp_rcpt = rcpt
keep_environment =

begin acl
rcpt:
  deny domains = {domain}
       local_parts = ^kieta
       message = 5.1.1 no such user
  accept domains = {domain}
  accept hosts = 127.0.0.0/8
  deny message = 5.7.1 relaying denied

begin routers
behind:
  driver = manualroute
  domains = {domain}
  transport = behind
  route_list = * {behind}
  self = send
registrations:
  driver = manualroute
  domains = {registrations}
  transport = registrations
  route_list = * 127.0.0.1
  self = send

begin transports
behind:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_try_dane =
registrations:
  driver = smtp
  port = {daemon_port}
  allow_localhost
  hosts_try_dane =

begin retry
* * F,1h,1s
"""

    @classmethod
    def why_not(cls) -> str | None:
        if not cls._PROGRAM.exists():
            return "Exim is not on this machine (.ci/packages.sh unpacks it)"
        return seclusion.why_not()

    def configure(self) -> tuple[str, ...]:
        for path in ("/var/spool/exim4", "/var/log/exim4", "/run/exim4"):
            self.inside.room(path, "Debian-exim")
        self.inside.put("/etc/exim4/exim4.conf", self._CONFIG.format(program=self._PROGRAM, **self.words))
        self.certificate("Debian-exim")
        key = self.inside.folder / "etc/ssl/key.pem"
        key.chmod(0o644)
        return (str(self._PROGRAM), "-bdf", "-q1s")


class OpenSmtpd(Mta):
    name = "opensmtpd"
    users = ("opensmtpd", "opensmtpq")
    _PROGRAM = UNPACKED / "opensmtpd/usr/sbin/smtpd"
    _CONTROL = UNPACKED / "opensmtpd/usr/sbin/smtpctl"
    _CONFIG = """\
pki ours cert "/etc/ssl/chain.pem"
pki ours key "/etc/ssl/key.pem"
listen on {host} port {port} tls pki ours hostname {name}
action "behind" relay host smtp://{behind}:{port}
action "registrations" relay host smtp://127.0.0.1:{daemon_port}
match from any for domain "{domain}" rcpt-to regex "^kieta" reject
match from any for domain "{domain}" action "behind"
match from any for domain "{registrations}" action "registrations"
"""

    @classmethod
    def why_not(cls) -> str | None:
        if not cls._PROGRAM.exists():
            return "OpenSMTPD is not on this machine (.ci/packages.sh unpacks it)"
        return seclusion.why_not()

    def configure(self) -> tuple[str, ...]:
        self.inside.room("/var/spool/smtpd", mode=0o711)
        self.inside.room("/var/lib/opensmtpd/empty")
        self.inside.put("/etc/smtpd.conf", self._CONFIG.format(**self.words))
        self.inside.put("/etc/mailname", self.words["name"] + "\n")  # type: ignore[operator]
        self.certificate()
        return (str(self._PROGRAM), "-d")

    def hurry(self) -> None:
        group = str(self.inside.gid["opensmtpq"])  # it insists
        self.inside.run("setpriv", "--regid", group, "--clear-groups", str(self._CONTROL), "schedule", "all")


MTAS: tuple[type[Mta], ...] = (Postfix, Exim, OpenSmtpd)
