"""A little internet on loopback: a name server, mail hosts and a policy host, with certificates of their own.

`async with Town(...) as town:` then `await town.host("127.0.0.41", certificate)` opens a mail host,
`await town.deliver("city.example")` sends one letter as a worker does, from the look-up to the reply to the
final dot, and returns its outcome. The city's MX is mx.city.example at 127.0.0.41 unless `town.names.records`
says otherwise. `town.restart()` is a worker that has forgotten everything that is not in the database.
"""

import asyncio
import hashlib
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.config import Config
from appliance.delivery import Outcome
from appliance.keys import Keyring
from smtp.render import Renderer
from smtp.route import NoRoute, Router
from smtp.terms import CourierSettings, Message, Unreachable
from smtp.transport.worker import Transport
from tests.support.waiting import free_ports
from tests.unit.smtp_outbound.name_server import NameServer, serving

IP, OTHER_IP, WEB_IP = "127.0.0.41", "127.0.0.42", "127.0.0.43"
DOMAIN, HOST = "city.example", "mx.city.example"
RECORDS = f"""
city.example. 60 IN MX 10 mx.city.example.
mx.city.example. 60 IN A {IP}
mx2.city.example. 60 IN A {OTHER_IP}
mta-sts.city.example. 60 IN A {WEB_IP}
"""
SIGNED = frozenset({DOMAIN, HOST, "mx2.city.example"})


@dataclass
class Letter:
    """A source of one."""

    outcome: Outcome | None = None
    taken: bool = False

    def take(self) -> Message | None:
        if self.taken:
            return None
        self.taken = True
        return Message(
            1, b"b1@bounce.midori.example", b"taro@city.example", b"Subject: hello\r\n\r\nhello\r\n"
        )

    def committing(self, message: Message) -> None:
        pass

    def settle(self, message: Message, outcome: Outcome) -> None:
        self.outcome = outcome


@dataclass
class MailHost:
    """A receiver. `starttls` is its reply to STARTTLS, "" where it does not offer it."""

    context: ssl.SSLContext | None
    starttls: str = "220 go"
    tls_attempts: int = 0
    sessions: int = 0
    mails: list[str] = field(default_factory=list)
    """"encrypted" or "clear" for each mail taken."""
    contents: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = "clear"
        writer.write(b"220 mx ESMTP\r\n")
        while line := (await reader.readuntil(b"\r\n")).upper():
            if line.startswith(b"EHLO"):
                offer = b"250-STARTTLS\r\n" if self.starttls and way == "clear" else b""
                writer.write(b"250-mx\r\n" + offer + b"250 SIZE\r\n")
            elif line.startswith(b"STARTTLS"):
                self.tls_attempts += 1
                writer.write(self.starttls.encode() + b"\r\n")
                if self.starttls.startswith("220"):
                    if self.context is None:
                        return  # promised, and gone
                    await writer.start_tls(self.context)
                    way = "encrypted"
            elif line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                self.contents.append(content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
                self.mails.append(way)
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"250 ok\r\n")


class Town:
    """See the module."""

    def __init__(self, config: Config, keyring: Keyring, ca: trustme.CA, ca_file: Path) -> None:
        self.names = NameServer(RECORDS, secure=frozenset())
        self.ca = ca
        self.web_answer = b""
        self.web_requests = 0
        self.posted: list[bytes] = []
        self._config = config
        self.keyring = keyring
        self.signer = Renderer(config, keyring).signer
        self._ca_file = ca_file
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        endpoint = await self._open.enter_async_context(serving(self.names))
        self.port, self._https_port = free_ports(2, IP)
        relay = self._config.relay.model_copy(
            update={
                "nameservers": [endpoint],
                "smtp_port": self.port,
                "ca_file": self._ca_file,
                "reply_timeout_s": 3.0,
            }
        )
        self.config = self._config.model_copy(update={"relay": relay})
        self.restart()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._open.aclose()

    def restart(self) -> None:
        """A fresh worker."""
        self.transport = Transport(self.config, self.keyring, self.signer, https_port=self._https_port)
        self.router = Router(self.config.relay, "mx.midori.example", self.transport.policies)
        self._settings = CourierSettings.from_config("mx.midori.example", self.config.relay)

    def forget_dns(self) -> None:
        """As if every TTL had passed."""
        self.transport.resolver._cache.clear()

    # --- hosts

    async def host(self, ip: str = IP, certificate: trustme.LeafCert | None = None, **how: str) -> MailHost:
        """Opens a mail host; one without a certificate offers STARTTLS and then hangs up."""
        host = MailHost(None if certificate is None else server_side(certificate), **how)
        server = await asyncio.start_server(host.serve, ip, self.port)
        self._open.callback(server.close)
        return host

    async def web(self, certificate: trustme.LeafCert | None = None) -> asyncio.Server:
        """Opens the policy host, which says `web_answer` to everything."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                self.web_requests += 1
                for line in head.decode().lower().split("\r\n"):
                    if line.startswith("content-length:"):
                        self.posted.append(head + await reader.readexactly(int(line.split(":")[1])))
                writer.write(self.web_answer)
                await writer.drain()
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        context = server_side(certificate or self.ca.issue_cert("mta-sts.city.example"))
        server = await asyncio.start_server(serve, WEB_IP, self._https_port, ssl=context)
        self._open.callback(server.close)
        return server

    def policy(self, mode: str = "enforce", *, id_: str = "1", mx: str = HOST, max_age: int = 86_400) -> None:
        """What the domain publishes from now on, in DNS and at the policy host."""
        self.record(f'_mta-sts.city.example. 60 IN TXT "v=STSv1; id={id_};"')
        body = f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {max_age}\r\n"
        self.web_answer = answer(body)

    def record(self, line: str) -> None:
        """Adds a record, instead of those of the same name and type."""
        name, _, _, kind, *_ = line.split()
        kept = [
            old
            for old in self.names.records.splitlines()
            if old.split()[:1] + old.split()[3:4] != [name, kind]
        ]
        self.names.records = "\n".join([*kept, line, ""])
        self.forget_dns()

    def tlsa(self, *records: str, host: str = HOST) -> None:
        """Publishes TLSA records for a host, in a signed zone."""
        name = f"_{self.port}._tcp.{host}"
        self.names.records += "".join(f"{name}. 60 IN TLSA {record}\n" for record in records)
        self.names.secure = SIGNED | {name}
        self.forget_dns()

    # --- sending

    async def deliver(self, domain: str = DOMAIN) -> Outcome:
        """One letter."""
        letter = Letter()
        try:
            route = await self.router.find(domain)
            courier = await self.transport.approach.connect(route, self._settings, letter, "other-1")
        except (NoRoute, Unreachable) as error:
            assert not letter.taken
            return error.outcome
        await courier.run()
        assert letter.outcome is not None
        return letter.outcome

    def counted(self) -> dict[str, int]:
        """Sessions by failure ("" for good ones), since the last time."""
        from smtp.transport import tally

        found: dict[str, int] = {}
        for taken in self.transport.tally.take():
            for key, count in tally.read(*taken).items():
                found[key.failure] = found.get(key.failure, 0) + count
        return found


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def answer(body: str, *, status: str = "200 OK", kind: str = "text/plain", more: str = "") -> bytes:
    """An HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def loaded(blob: trustme.Blob) -> x509.Certificate:
    return x509.load_pem_x509_certificate(blob.bytes())


def record_for(usage: int, selector: int, matching: int, certificate: x509.Certificate) -> str:
    """The TLSA record that means this certificate."""
    if selector:
        data = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        data = certificate.public_bytes(Encoding.DER)
    digest = {
        0: bytes.hex,
        1: lambda d: hashlib.sha256(d).hexdigest(),
        2: lambda d: hashlib.sha512(d).hexdigest(),
    }
    return f"{usage} {selector} {matching} {digest[matching](data)}"
