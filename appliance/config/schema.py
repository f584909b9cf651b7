"""Every setting: its type, its default, its meaning.

Owns the shape of the configuration; `docs/configuration.md` is generated from it, and an undocumented
setting fails a test. Refuses to read files. Fails, through pydantic, with one error per wrong key.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from appliance import address
from appliance.config.alignment import why_unaligned
from appliance.config.entrance import Account, Devices, Factors
from appliance.config.kinds import (
    Endpoint,
    HostName,
    Ip,
    IpFamily,
    Line,
    Mailbox,
    NetworkText,
    Origin,
    Section,
    TimeZone,
)
from appliance.config.record import Audit

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where Debian keeps the certificates of public authorities."""


class Zone(StrEnum):
    """A family of processes with its own user, keys and database role."""

    GUARDIAN = "guardian"
    SENDER = "sender"
    ADMIN = "admin"
    MAIL = "mail"


class Ward(Section):
    name: Line = Field(min_length=1, description="The ward as pages and mails name it, in Japanese.")
    name_en: Line = Field(min_length=1, description="The same in English.")
    timezone: TimeZone = Field("Asia/Tokyo", description="IANA time zone in which people read times.")
    inquiry: Line = Field("", description="Where a guardian asks for help: one printable line.")


class Database(Section):
    url: str = Field(
        description="sqlite:///relative/or//absolute/path, or postgresql://role@host1,host2,host3/name."
    )
    password_file: Path | None = Field(None, description="File whose first line is the role's password.")
    zone_role_prefix: str = Field(
        "karamail_",
        pattern=r"^([a-z][a-z0-9_]{0,40})?$",
        description="PostgreSQL: each zone connects as a role of its own, this and the zone's name, with the "
        "password in its secrets; `karamail db grant` makes them. The role of `url` owns the tables and is "
        "for the other commands. Empty: all zones use that one, and each may do everything.",
    )
    statement_timeout_s: float = Field(
        20.0, gt=0, le=600, description="PostgreSQL ends a statement after it."
    )
    busy_timeout_s: float = Field(15.0, gt=0, le=600, description="SQLite waits that long for its lock.")

    @model_validator(mode="after")
    def _known_engine(self) -> Self:
        if not self.url.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("url: expected sqlite:///path or postgresql://role@host/name")
        if re.search(r"^postgresql://[^@/]*:[^@/]*@|[?&]password=", self.url, re.IGNORECASE):
            raise ValueError("url: a password does not belong here; put it into password_file")
        return self


class Mail(Section):
    hostname: HostName = Field(description="Our name in the SMTP banner and in EHLO; its PTR must match.")
    registration_domain: HostName = Field(description="Empty mails go to <security code>@this domain.")
    bounce_domain: HostName = Field(description="Return paths of everything we send lie under it.")
    return_path_days: int = Field(
        45, ge=7, le=365, description="So long after a mail was made its bounces are taken."
    )
    from_address: Mailbox = Field(description="The From address of all mail; its domain is signed.")
    dkim_ed25519: bool = Field(True, description="Sign a second time, with Ed25519 (RFC 8463).")
    listen: list[Endpoint] = Field(["0.0.0.0:25"], description="Where empty mails arrive.")
    workers: int = Field(2, ge=1, le=64, description="Mail worker processes on this node; one per core.")
    tls_cert: Path | None = Field(None, description="Certificate chain (PEM) for STARTTLS.")
    tls_key: Path | None = Field(None, description="Its private key (PEM).")
    max_size_bytes: int = Field(2_000_000, ge=64_000, description="Largest mail taken in.")
    max_recipients: int = Field(10, ge=1, le=1000, description="Recipients of one inbound mail.")
    max_sessions: int = Field(1500, ge=1, description="Inbound sessions at once, per worker.")
    max_sessions_per_network: int = Field(60, ge=1, description="The same from one IPv4 /24 or IPv6 /48.")
    max_connections_per_network_per_minute: int = Field(
        600,
        ge=1,
        description="New connections from one such network in a minute, per worker. A carrier's machines "
        "bring a hundred in the busiest minute of a registration week.",
    )
    greet_pause_s: float = Field(
        1.0,
        ge=0,
        le=10,
        description="A network that has not delivered yet waits so long for the greeting; a client that "
        "speaks before it is sent away. 0 greets at once.",
    )
    balancers: list[NetworkText] = Field(
        [],
        description="Networks of the load balancer, such as 192.0.2.8/32. A connection from there must begin "
        "with a PROXY header (version 1 or 2); from elsewhere none is believed.",
    )
    session_limit_s: float = Field(600.0, gt=0, description="Longest life of one inbound session.")
    authenticity: Literal["off", "observe", "enforce"] = Field(
        "enforce",
        description="SPF, DKIM and DMARC of empty mails. enforce refuses what the sender's own domain asks "
        "to refuse (SPF -all, DMARC p=reject), and nothing else; observe only logs it. Behind a balancer set "
        "balancers first: the checks need the client's address.",
    )
    authenticity_deadline_s: float = Field(
        3.0,
        gt=0,
        le=20,
        description="When these checks take longer, the mail counts as doubtful and is taken.",
    )
    requests_per_address_per_hour: int = Field(
        10,
        ge=1,
        description="Empty mails of one address that are answered in an hour, and letters that its answers "
        "cause; the rest wait (451).",
    )
    requests_per_network_per_hour: int = Field(
        6_000,
        ge=1,
        description="The same of one IPv4 /24 or IPv6 /48. A network here is a carrier's outgoing machines: "
        "a school on one wifi still sends through its carriers.",
    )
    requests_per_domain_per_hour: int = Field(
        500, ge=1, description="The same of one mail domain that is no carrier's: a provider, a company."
    )
    requests_per_carrier_per_hour: int = Field(
        15_000,
        ge=1,
        description="The same of one carrier's domain, such as docomo.ne.jp: a ward of 43,000 that registers "
        "within three evenings brings some 5,000 in its busiest hour.",
    )
    requests_per_code_per_hour: int = Field(
        3_000,
        ge=1,
        description="The same to one security code. A school of 1,200 with two addresses per child may "
        "register within the hour after an assembly. Beyond it the code is paused.",
    )
    requests_per_hour: int = Field(30_000, ge=1, description="The same in all, for all workers together.")
    doubtful_percent: int = Field(
        10,
        ge=1,
        le=100,
        description="Share of these budgets for mails that their sender's domain does not vouch for.",
    )
    code_pause_minutes: int = Field(
        30, ge=1, le=1440, description="How long mails to a code under attack wait (451) until it resumes."
    )

    @property
    def from_domain(self) -> str:
        """The domain of `from_address`, which DKIM and DMARC speak for."""
        return address.parse(self.from_address).domain

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        reason = why_unaligned(self.from_domain, self.bounce_domain)
        if reason is not None:
            raise ValueError(reason)
        return self

    @model_validator(mode="after")
    def _tls_pair(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key: expected both or neither")
        return self


class SiteLimits(Section):
    """What we ask of one receiving site at most."""

    connections: int = Field(10, ge=1, le=500, description="Connections at once.")
    messages_per_connection: int = Field(50, ge=1, le=10_000, description="Then the connection is closed.")
    per_s: float | None = Field(None, gt=0, description="Messages per second; no limit where absent.")
    connections_per_s: float | None = Field(
        None, gt=0, description="New connections per second; no limit where absent."
    )


class Relay(Section):
    nameservers: list[Endpoint] = Field(["127.0.0.1:53"], description="Validating resolvers, ours.")
    nameservers_trusted: bool = Field(
        False,
        description="Believe the AD bit of resolvers off loopback too: only if nobody is in between.",
    )
    ip_families: list[IpFamily] = Field(
        ["ipv4"],
        min_length=1,
        description="ipv4, ipv6, in the order of trying. ipv6 only when our IPv6 address has PTR and SPF.",
    )
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of receivers; other than 25 only in a lab.")
    allow_private_targets: bool = Field(
        False, description="Deliver to private and loopback addresses; only for the demo and the lab."
    )
    spool_dir: Path = Field(description="Outcome journals and mail for postmaster lie here.")
    source_address: str = Field(
        "", description="Local IPv4 address to send from; the system's choice when empty."
    )
    source_address_ipv6: str = Field("", description="The same for IPv6.")
    claim_size: int = Field(500, ge=1, le=5000, description="Deliveries a worker takes at once, per site.")
    lease_s: float = Field(120.0, ge=5, description="How long a claim holds without a sign of life.")
    settle_every_ms: int = Field(200, ge=1, le=5000, description="Outcomes are committed at least so often.")
    settle_rows: int = Field(500, ge=1, le=5000, description="Or when so many have gathered.")
    connect_timeout_s: float = Field(20.0, gt=0, description="For the TCP connection.")
    reply_timeout_s: float = Field(60.0, gt=0, description="For any reply but that to the final dot.")
    dot_timeout_s: float = Field(180.0, gt=0, description="For the reply to the final dot.")
    starttls: bool = Field(
        True, description="Use STARTTLS when it is offered (R23); where DANE or MTA-STS demand it, always."
    )
    ca_file: Path = Field(
        AUTHORITIES,
        description="Authorities (PEM) that receivers' certificates are checked against (MTA-STS).",
    )
    tls_reports: bool = Field(True, description="Tell receivers that ask for it how TLS fared (RFC 8460).")
    sites: dict[str, SiteLimits] = Field({}, description="Limits by site, instead of the built-in table.")


class Site(Section):
    """One of the three web sites."""

    origin: Origin = Field(description="Scheme and host by which people reach it.")
    listen: Endpoint = Field(description="Where its processes listen, behind the proxy.")
    workers: int = Field(2, ge=1, le=64, description="Processes.")
    threads: int = Field(4, ge=1, le=64, description="Threads in each.")
    proxy_hops: int = Field(0, ge=0, le=3, description="Reverse proxies in front that set X-Forwarded-For.")
    rp_id: HostName | None = Field(
        None,
        description="Domain that this site's passkeys are bound to: the origin's host, or a parent of it "
        "that is no public suffix. The host when absent. Changing it makes all passkeys of the site useless.",
    )

    @property
    def relying_party(self) -> str:
        """The rp id of the site's passkeys (WebAuthn 4)."""
        return self.rp_id or urlsplit(self.origin).hostname or ""

    @model_validator(mode="after")
    def _own_passkeys(self) -> Self:
        host = urlsplit(self.origin).hostname or ""
        if self.rp_id is not None and host != self.rp_id and not host.endswith(f".{self.rp_id}"):
            raise ValueError(f"rp_id: expected {host} or a parent domain of it")
        return self


class Registration(Section):
    token_hours: int = Field(24, ge=1, le=168, description="Life of the link in the reply mail.")
    names_max: int = Field(60, ge=10, le=100, description="Characters of one name.")
    doubt_refused_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="An address that was refused as unknown, with no mail accepted for so long, may be "
        "somebody else's: it must prove itself before it counts again.",
    )
    doubt_silent_days: int = Field(
        365,
        ge=30,
        le=3650,
        description="The same of an address at which nothing was accepted or answered for so long.",
    )


class Broadcast(Section):
    take_back_s: int = Field(
        10, ge=0, le=120, description="After “send”, nothing leaves for so long: a slip can be taken back."
    )
    urgent_useful_h: float = Field(12.0, gt=0, le=168, description="An urgent mail is given up after it.")
    routine_useful_h: float = Field(72.0, gt=0, le=720, description="A routine mail is given up after it.")
    quiet_minutes: int = Field(
        2, ge=0, le=15, description="Minutes around the full hour in which no routine mail begins; 0: none."
    )
    test_day: int = Field(
        10, ge=1, le=28, description="Day of the month of the test broadcast, at schools that want it."
    )
    test_hour: int = Field(15, ge=7, le=20, description="Its hour, local time.")


class Dns(Section):
    """What `karamail dns` prints and `karamail doctor` looks for."""

    hosts: dict[HostName, list[Ip]] = Field(
        {}, description="Every node's mail.hostname with its public addresses; this node's alone when empty."
    )
    reports_to: Mailbox | None = Field(
        None, description="Who gets DMARC and TLS reports; postmaster of the registration domain when absent."
    )
    ca: HostName = Field("letsencrypt.org", description="Who may issue our certificates (CAA).")
    dmarc: str = Field(
        "quarantine", pattern="^(quarantine|reject)$", description="What receivers do with forgeries: p=."
    )
    mta_sts: str = Field(
        "testing", pattern="^(testing|enforce)$", description="How strict senders are about TLS to us."
    )


class Doctor(Section):
    outward_target: Endpoint | None = Field(
        None, description="A receiver's host:25 that `karamail doctor` may connect to; not tried when absent."
    )
    disk_free_gb: float = Field(2.0, gt=0, description="Less free space than this is a warning.")


class Faults(Section):
    """What is wrong with the appliance itself, told by the appliance."""

    mail_to: Mailbox | None = Field(
        None,
        description="Who looks after the nodes, and gets a letter when something is wrong with them. The "
        "role monitoring has a way that works when mail does not.",
    )


class Config(Section):
    """The whole file."""

    demo: bool = Field(False, description="Permits http origins and loopback carriers. Never on a node.")
    secrets_dir: Path = Field(description="One directory per zone; $CREDENTIALS_DIRECTORY wins.")
    ward: Ward
    database: Database
    mail: Mail
    relay: Relay
    guardian: Site
    sender: Site
    admin: Site
    registration: Registration = Registration.model_construct(
        token_hours=24, names_max=60, doubt_refused_days=30, doubt_silent_days=365
    )
    broadcast: Broadcast = Broadcast.model_construct(
        take_back_s=10,
        urgent_useful_h=12.0,
        routine_useful_h=72.0,
        quiet_minutes=2,
        test_day=10,
        test_hour=15,
    )
    account: Account = Account.model_construct(
        session_idle_minutes=30, session_hours=10, password_min_length=12,
        term_starts=["04-01", "09-01", "01-08"], password_notice_days=14, password_grace_days=14,
        invitation_hours=72, failures_per_quarter_hour=10, failures_per_account_per_quarter_hour=30,
        failures_per_network_per_quarter_hour=100,
    )  # fmt: skip
    audit: Audit = Audit.model_construct(
        mail_to=None, mail_hour=7, keep_days=1096, seal_every_s=30, keys=[], witness_file=None
    )
    factors: Factors = Factors.model_construct(required_for=["ward_officer", "operator"], confirm_minutes=15)
    devices: Devices = Devices.model_construct(
        required=True,
        ward_networks=[],
        school_networks={},
        code_minutes=15,
        minimum_os={},
        notice_days=30,
        grace_days=14,
        synced_passkeys=True,
    )
    dns: Dns = Dns.model_construct(
        hosts={}, reports_to=None, ca="letsencrypt.org", dmarc="quarantine", mta_sts="testing"
    )
    doctor: Doctor = Doctor.model_construct(outward_target=None, disk_free_gb=2.0)
    faults: Faults = Faults.model_construct(mail_to=None)

    @model_validator(mode="after")
    def _strict_outside_the_demo(self) -> Self:
        sites = {"guardian": self.guardian, "sender": self.sender, "admin": self.admin}
        if not self.demo and (weak := self._too_weak(sites)):
            raise ValueError("; ".join(weak))
        if len({urlsplit(site.origin).hostname for site in sites.values()}) != len(sites):
            raise ValueError("guardian, sender and admin: expected three different host names (cookies)")
        return self

    def _too_weak(self, sites: dict[str, Site]) -> list[str]:
        """What only a demo may leave out."""
        plain = [name for name, site in sites.items() if not site.origin.startswith("https://")]
        found = (
            *(f"{name}.origin: expected https:// (R23); http only with demo = true" for name in plain),
            self.devices.too_weak(),
            self.factors.too_weak(),
        )
        return [weak for weak in found if weak is not None]

    def site(self, zone: Zone) -> Site:
        """The web settings of a zone; the mail zone has none (ValueError)."""
        if zone is Zone.MAIL:
            raise ValueError("the mail zone has no web site")
        found: Site = getattr(self, zone.value)
        return found
