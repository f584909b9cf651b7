"""The files of a node: secrets, certificates, DKIM keys, disk space, journals, postmaster's mail.

Owns these looks. Refuses to open a secret's content beyond comparing shared ones. What may not be read
is a finding that says to run the command as root.
"""

import os
import shutil
import ssl
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from appliance import clock
from appliance.config import Config, Zone
from appliance.errors import OperatorError, SecretMissing
from appliance.keys import secrets, signing
from appliance.keys.signing import Algorithm, KeyState
from cli.doctor.finding import Finding, broken, ok, warning
from cli.records import certificate
from smtp.inbound.postmaster import MAILS

_GB = 1_000_000_000
_RENEW = timedelta(days=21)
_WAITS = timedelta(days=14)
RACK = tuple(
    Path(folder)
    for folder in (
        "/etc/karamail/rack", "/etc/karamail/database", "/etc/patroni/tls", "/etc/etcd",
        "/etc/pgbackrest/tls", "/etc/rsyslog.d/tls", "/etc/prometheus/tls",
    )
)  # fmt: skip
"""Tests have others."""
_ANEW = "on the control machine run the playbook again: it makes anew what ends within 60 days."
_AS_ROOT = "run `karamail doctor` as root."


def secret_files(config: Config) -> Iterator[Finding]:
    """Every zone's files are there, readable by their owner only, and equal where they are shared."""
    shared: dict[str, set[bytes]] = {}
    for zone, names in secrets.SECRETS.items():
        folder = config.secrets_dir / zone.value
        faults = list(_zone_faults(folder, names, shared))
        if not faults:
            yield ok("secrets", f"zone {zone.value}: {len(names)} files, for their owner only")
        yield from faults
    for name, contents in shared.items():
        if len(contents) > 1:
            yield broken(
                "secrets", f"{name} is not the same in all zones that have it",
                "names and addresses are not recognised: second guardians, duplicates, links go wrong.",
                "restore it from the key backup into every zone.",
            )  # fmt: skip


def _zone_faults(folder: Path, names: tuple[str, ...], shared: dict[str, set[bytes]]) -> Iterator[Finding]:
    for name in names:
        path = folder / name
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if name in secrets.SHARED:
                shared.setdefault(name, set()).add(path.read_bytes())
        except FileNotFoundError:
            yield broken(
                "secrets", f"{path} is missing", "the zone does not start; its part of the service is down.",
                "new installation: karamail keys create. Otherwise restore it from the key backup.",
            )  # fmt: skip
            continue
        except OSError as error:
            yield warning("secrets", f"{path}: {error.strerror}", "unknown; nothing was seen.", _AS_ROOT)
            continue
        if mode & 0o077:
            yield broken(
                "secrets", f"{path} can be read by others (mode {mode:04o})",
                "whoever has an account on this machine may read what is protected by it.",
                f"chmod 600 {path}",
            )  # fmt: skip


def dkim_keys(config: Config) -> tuple[signing.Keys, list[Finding]]:
    """The keys as far as they can be read, and where their rotation stands."""
    area, folder = "dkim", secrets.directory(config.secrets_dir, Zone.MAIL)
    try:
        keys = signing.read(folder)
        for key in keys:
            key.private()
    except SecretMissing as error:
        means = "mail cannot be signed: the mail zone does not start."
        return (), [
            broken(area, str(error), means, "restore it from the key backup, or as the message says.")
        ]
    now, findings = clock.now(), []
    for algorithm in Algorithm:
        mine = [k for k in signing.active(keys) if k.algorithm is algorithm]
        if mine:
            findings.append(ok(area, f"{algorithm}: {mine[0].selector} signs"))
        elif algorithm is Algorithm.RSA:
            means = "many carriers know RSA only and take our mail for unsigned."
            findings.append(broken(area, "no RSA key signs", means, "karamail dkim new, then activate."))
    findings += [
        warning(
            area, f"{key.selector} waits since {key.since:%Y-%m-%d}", "nothing at once.",
            "publish its record, then: karamail dkim activate",
        )
        for key in keys
        if key.state is KeyState.WAITING and key.since + _WAITS < now
    ]  # fmt: skip
    findings += [
        warning(
            area, f"{key.selector} has not signed since {key.since:%Y-%m-%d}", "nothing at once.",
            "karamail dkim retire",
        )
        for key in signing.expired(keys, now)
    ]  # fmt: skip
    return keys, findings


def mail_certificate(config: Config) -> Iterator[Finding]:
    """The certificate of STARTTLS: readable, with its key, in time, for our name."""
    area, path, key = "certificate", config.mail.tls_cert, config.mail.tls_key
    if path is None or key is None:
        yield warning(
            area, "none is configured for port 25",
            "their empty mails cross the network unencrypted.",
            "get one for the server's name and set mail.tls_cert and mail.tls_key.",
        )  # fmt: skip
        return
    try:
        found = certificate(path)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path, key)
    except OperatorError as error:
        yield broken(area, str(error), "the mail server does not start.", "correct mail.tls_cert.")
        return
    except (ssl.SSLError, OSError) as error:
        reason = error.strerror or type(error).__name__
        yield broken(
            area, f"{path} and {key} do not work together ({reason})", "the mail server does not start.",
            "put certificate and key of one issue there; if a file may not be read, " + _AS_ROOT,
        )  # fmt: skip
        return
    yield from validity(area, str(path), found.not_valid_before_utc, found.not_valid_after_utc)
    if not _covers(found, config.mail.hostname):
        yield warning(
            area, f"{path} is not for {config.mail.hostname}",
            "servers that insist on TLS (MTA-STS) bring us no mail.",
            f"get a certificate for {config.mail.hostname}.",
        )  # fmt: skip


def rack_certificates() -> Iterator[Finding]:
    """Those by which nodes know each other: the one that ends first. None on a machine of its own."""
    area, means = "certificate", "the database stops on this node, then on all."
    found = []
    for folder in RACK:
        try:
            found += [(certificate(path).not_valid_after_utc, path) for path in folder.glob("*.crt")]
        except OperatorError as error:
            yield broken(area, str(error), means, _ANEW)
    if not found:
        return
    ends, path = min(found)
    left = ends - clock.now()
    if left < _RENEW:
        report, when = (broken, "ended") if left < timedelta(0) else (warning, "ends")
        yield report(area, f"{path} {when} on {ends:%Y-%m-%d}", means, _ANEW)
    else:
        yield ok(area, f"{len(found)} certificates between nodes are good until {ends:%Y-%m-%d}")


def validity(area: str, what: str, begins: datetime, ends: datetime) -> Iterator[Finding]:
    """Whether a certificate is good today, and for how long."""
    now = clock.now()
    if not begins <= now < ends:
        yield broken(
            area, f"{what} is not valid now ({begins:%Y-%m-%d} to {ends:%Y-%m-%d})",
            "pages do not open and servers bring no mail.",
            "renew it now; if the dates look right, set the clock.",
        )  # fmt: skip
    elif ends - now < _RENEW:
        yield warning(
            area, f"{what} ends on {ends:%Y-%m-%d}", "nothing until then.",
            "find out why it was not renewed by itself.",
        )  # fmt: skip
    else:
        yield ok(area, f"{what} is good until {ends:%Y-%m-%d}")


def _covers(found: x509.Certificate, host: str) -> bool:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    dns_names = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return host in dns_names or f"*.{host.partition('.')[2]}" in dns_names


def disk(config: Config) -> Iterator[Finding]:
    """Where journals, postmaster's mail and an embedded database lie."""
    places = {"spool": config.relay.spool_dir}
    if config.database.url.startswith("sqlite:///"):
        places["database"] = Path(config.database.url.removeprefix("sqlite:///")).parent
    for name, place in places.items():
        try:
            free_gb = shutil.disk_usage(place).free / _GB
        except OSError as error:
            yield broken(
                "disk", f"{name}: {place}: {error.strerror}", "mail cannot be accepted or sent.",
                f"make {place} and give it to the mail zone's user.",
            )  # fmt: skip
            continue
        if free_gb >= config.doctor.disk_free_gb:
            yield ok("disk", f"{name}: {free_gb:.0f} GB free")
            continue
        means = "when it is full, empty mails wait and sending stops."
        report = broken if free_gb < config.doctor.disk_free_gb / 10 else warning
        yield report("disk", f"{name}: {free_gb:.1f} GB free under {place}", means, "free or add space.")


def journals(config: Config) -> Iterator[Finding]:
    """A journal with content that no process holds was left by a worker that was killed."""
    held, all_seen = _open_files()
    left = []
    for path in sorted(config.relay.spool_dir.glob("outcomes-*.journal")):
        try:
            if path.stat().st_size and str(path.resolve()) not in held:
                left.append(path)
        except OSError:
            continue
    if left and not all_seen:
        yield warning("workers", "cannot see whether workers hold their journals", "unknown.", _AS_ROOT)
        return
    for path in left:
        worker = path.stem.removeprefix("outcomes-")
        yield warning(
            "workers", f"worker {worker} ended without putting its journal in order",
            "some may get a mail twice; none is lost.",
            f"start it again under its name: karamail serve mail --worker {worker}",
        )  # fmt: skip
    if not left:
        yield ok("workers", "no journal was left behind")


def _open_files() -> tuple[set[str], bool]:
    """Journals that some process has open, and whether all processes could be looked at."""
    found, all_seen = set(), True
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            for link in os.scandir(folder):
                target = os.readlink(link.path)
                if target.endswith(".journal"):
                    found.add(target)
        except PermissionError:
            all_seen = os.geteuid() == 0  # root sees all but what is walled off from this machine
        except OSError:
            continue  # it ended while we looked
    return found, all_seen


def postmaster(config: Config) -> Iterator[Finding]:
    """Mail that waits for people to read it."""
    folder = config.relay.spool_dir / "postmaster"
    try:
        count = sum(1 for entry in os.scandir(folder) if entry.name.endswith(".eml"))
    except FileNotFoundError:
        count = 0
    except OSError as error:
        yield warning("postmaster", f"{folder}: {error.strerror}", "unknown.", _AS_ROOT)
        return
    if count > MAILS * 4 // 5:
        yield warning(
            "postmaster", f"{count} mails wait in {folder}; at {MAILS} no more are taken",
            "complaints and reports about our mail are not read.", "read and delete them.",
        )  # fmt: skip
    else:
        yield ok("postmaster", f"{count} mails wait in {folder}")
