"""What has to stand in DNS, and why: every record of an installation, from its configuration and keys.

Owns the list that `karamail dns` prints and `karamail doctor` looks for, in one place, so that the two never
disagree. Refuses to ask DNS. Fails with `SecretMissing` without DKIM keys and with `OperatorError` on a
certificate that cannot be read.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance import address
from appliance.config import Config
from appliance.errors import OperatorError
from appliance.keys import signing
from appliance.keys.signing import KeyState

_STS_AGE_S = {"testing": 86_400, "enforce": 604_800}


class Topic(StrEnum):
    """The sections of the zone file, in their order."""

    ADDRESS = "address"
    PTR = "ptr"
    MX = "mx"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    MTA_STS = "mta-sts"
    TLS_RPT = "tls-rpt"
    TLSA = "tlsa"
    CAA = "caa"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `value` is as in a master file, a TXT's plain; "" where only the operator knows it.

    `needed`: without it, guardians lose mail; the others protect. `by_provider`: not in our zone.
    """

    topic: Topic
    name: str
    kind: str
    value: str
    needed: bool = True
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A file to serve over https."""

    url: str
    content: str


def records(config: Config, keys: signing.Keys, *, next_certificate: Path | None = None) -> list[Record]:
    """All of them, by topic. Raises `OperatorError`."""
    return [
        *_addresses(config),
        *_mx(config),
        *_spf(config),
        *_dkim(config, keys),
        *_dmarc(config),
        *_tls(config, next_certificate),
        *_caa(config),
    ]


def hosts(config: Config) -> dict[str, list[str]]:
    """Every node's name in SMTP, with its addresses as far as they are configured."""
    found: dict[str, list[str]] = {config.mail.hostname: []}
    found.update(config.dns.hosts)
    return found


def receiving(config: Config) -> list[str]:
    """The domains that get mail: empty mails, bounces, and answers to From (refused in the dialogue)."""
    mail = config.mail
    return list(dict.fromkeys((mail.registration_domain, mail.bounce_domain, mail.from_domain)))


def policy_files(config: Config) -> list[PolicyFile]:
    """The MTA-STS policies (RFC 8461 3.2); none without a certificate."""
    if config.mail.tls_cert is None:
        return []
    return [
        PolicyFile(f"https://mta-sts.{domain}/.well-known/mta-sts.txt", _policy(config))
        for domain in _protected(config)
    ]


def _protected(config: Config) -> list[str]:
    """The domains whose mail holds guardians' addresses."""
    return list(dict.fromkeys((config.mail.registration_domain, config.mail.bounce_domain)))


def _addresses(config: Config) -> Iterator[Record]:
    for host, addresses in hosts(config).items():
        if not addresses:
            yield Record(Topic.ADDRESS, host, "A", "")
        for text in addresses:
            ip = ip_address(text)
            yield Record(Topic.ADDRESS, host, "AAAA" if ip.version == 6 else "A", text)
            yield Record(Topic.PTR, ip.reverse_pointer, "PTR", f"{host}.", by_provider=True)


def _mx(config: Config) -> Iterator[Record]:
    for domain in receiving(config):
        for host in hosts(config):
            yield Record(Topic.MX, domain, "MX", f"10 {host}.")


def _spf(config: Config) -> Iterator[Record]:
    """Return path and From say the same: phones' なりすまし filters look at either."""
    ours = " ".join(f"a:{host}" for host in hosts(config))
    domains = receiving(config)
    for domain in domains:
        yield Record(Topic.SPF, domain, "TXT", f"v=spf1 {ours} -all")
    for host in hosts(config):  # the name in EHLO, which is what is judged when a return path is empty
        if host not in domains:
            yield Record(Topic.SPF, host, "TXT", "v=spf1 a -all", needed=False)


def _dkim(config: Config, keys: signing.Keys) -> Iterator[Record]:
    for key in keys:
        active = key.state is KeyState.ACTIVE
        yield Record(Topic.DKIM, key.name(config.mail.from_domain), "TXT", key.record(), needed=active)


def _dmarc(config: Config) -> Iterator[Record]:
    mail, to = config.mail, reports_to(config)
    policy = f"v=DMARC1; p={config.dns.dmarc}; rua=mailto:{to}"
    yield Record(Topic.DMARC, f"_dmarc.{mail.from_domain}", "TXT", policy)
    for domain in _protected(config):
        if domain != mail.from_domain:
            nobody = f"v=DMARC1; p=reject; rua=mailto:{to}"
            yield Record(Topic.DMARC, f"_dmarc.{domain}", "TXT", nobody, needed=False)
    there = address.parse(to).domain
    for domain in receiving(config):
        if domain != there:  # RFC 9990 4: the receiver of reports says that it wants them
            yield Record(Topic.DMARC, f"{domain}._report._dmarc.{there}", "TXT", "v=DMARC1", needed=False)


def reports_to(config: Config) -> str:
    """Who gets reports about our mail."""
    return config.dns.reports_to or f"postmaster@{config.mail.registration_domain}"


def _tls(config: Config, next_certificate: Path | None) -> Iterator[Record]:
    if config.mail.tls_cert is None:
        return
    web = urlsplit(config.guardian.origin).hostname or ""
    version = hashlib.sha256(_policy(config).encode("ascii")).hexdigest()[:20]
    for domain in _protected(config):
        yield Record(Topic.MTA_STS, f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={version}", needed=False)
        yield Record(Topic.MTA_STS, f"mta-sts.{domain}", "CNAME", f"{web}.", needed=False)
        reports = f"v=TLSRPTv1; rua=mailto:{reports_to(config)}"
        yield Record(Topic.TLS_RPT, f"_smtp._tls.{domain}", "TXT", reports, needed=False)
    certificates = [config.mail.tls_cert] + ([next_certificate] if next_certificate else [])
    for digest in dict.fromkeys(key_digest(path) for path in certificates):
        name = f"_25._tcp.{config.mail.hostname}"
        yield Record(Topic.TLSA, name, "TLSA", f"3 1 1 {digest}", needed=False)


def _policy(config: Config) -> str:
    """The same for all our domains; its `id` in DNS changes exactly when this text does."""
    mode = config.dns.mta_sts
    mx = "".join(f"mx: {host}\r\n" for host in hosts(config))
    return f"version: STSv1\r\nmode: {mode}\r\n{mx}max_age: {_STS_AGE_S[mode]}\r\n"


def _caa(config: Config) -> Iterator[Record]:
    names = [urlsplit(site.origin).hostname or "" for site in (config.guardian, config.sender, config.admin)]
    names += list(hosts(config))
    for name in dict.fromkeys(names):
        yield Record(Topic.CAA, name, "CAA", f'0 issue "{config.dns.ca}"', needed=False)


def certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file. Raises `OperatorError`."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise OperatorError(f"{path}: expected a certificate in PEM") from None


def key_digest(path: Path) -> str:
    """SHA-256 of a certificate's public key, as TLSA 3 1 1 has it (RFC 7671 5.1). Raises `OperatorError`."""
    public = certificate(path).public_key()
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
