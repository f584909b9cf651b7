"""HTTPS to web servers that strangers name: one request, one answer, within a time and a size.

Owns the request, the check of the certificate (always, against `relay.ca_file`) and the refusal of addresses
that are not on the public internet, as for mail (`smtp.targets`): whoever owns a domain says where
`mta-sts.` of it points. Follows no redirect, sends no cookie, keeps no connection, and decodes nothing but
HTTP itself. Fails with `HttpsFailed`.
"""

import asyncio
import http.client
import io
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from smtp.resolver import NoAnswer, NoSuchDomain, Resolver
from smtp.targets import refusal

DEADLINE_S = 15.0  # for all of it (RFC 8461 3.3 suggests a minute; mail waits for this)
_HEAD_OCTETS = 16_384
_CHUNK = 16_384
_AT_ONCE = 8


class HttpsFailed(Exception):
    """No usable answer. `certificate` says that the server was not the one it should be."""

    def __init__(self, why: str, *, certificate: bool = False) -> None:
        super().__init__(why)
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class Https:
    """A client for one worker. `port` is another than 443 only where no stranger is, in tests."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        ca_file: Path,
        families: Sequence[str] = ("ipv4",),
        allow_private: bool = False,
        port: int = 443,
    ) -> None:
        self._resolver = resolver
        self._families = families
        self._private = allow_private
        self._port = port
        self._ca_file = ca_file
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def get(self, host: str, path: str, *, octets_max: int, deadline_s: float = DEADLINE_S) -> Answer:
        """Raises `HttpsFailed`."""
        return await self._exchange(host, "GET", path, {}, b"", octets_max, deadline_s)

    async def post(
        self, host: str, path: str, content_type: str, body: bytes, *, deadline_s: float = DEADLINE_S
    ) -> Answer:
        """Raises `HttpsFailed`."""
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        return await self._exchange(host, "POST", path, headers, body, _HEAD_OCTETS, deadline_s)

    async def _exchange(
        self,
        host: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        octets_max: int,
        deadline_s: float,
    ) -> Answer:
        port = "" if self._port == 443 else f":{self._port}"
        fields = {"Host": host + port, "Connection": "close", "User-Agent": "Karamail", **headers}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n"
        try:
            async with self._turns, asyncio.timeout(deadline_s):
                ip = await self._address(host)
                return _answer(method, await self._raw(host, ip, head.encode("ascii") + body, octets_max))
        except ssl.SSLCertVerificationError:
            raise HttpsFailed("certificate", certificate=True) from None
        except (OSError, EOFError, ValueError) as error:  # TimeoutError and SSLError are OSError
            raise HttpsFailed(type(error).__name__) from None

    async def _address(self, host: str) -> str:
        try:
            ips = (await self._resolver.addresses(host, self._families)).ips
        except (NoSuchDomain, NoAnswer) as error:
            raise HttpsFailed(type(error).__name__) from None
        permitted = [ip for ip in ips if self._private or refusal(ip) is None]
        if not permitted:
            raise HttpsFailed("no address that may be connected to")
        return permitted[0]

    async def _raw(self, host: str, ip: str, request: bytes, octets_max: int) -> bytes:
        reader, writer = await asyncio.open_connection(
            ip, self._port, ssl=_context(self._ca_file), server_hostname=host
        )
        try:
            writer.write(request)
            await writer.drain()
            received = bytearray()
            while chunk := await reader.read(_CHUNK):
                received += chunk
                if len(received) > octets_max + _HEAD_OCTETS:
                    raise HttpsFailed("too long")
            return bytes(received)
        finally:
            writer.transport.abort()


@cache
def _context(ca_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Socket:
    """What `http.client` reads an answer from."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._octets)


def _answer(method: str, octets: bytes) -> Answer:
    response = http.client.HTTPResponse(cast("http.client.socket", _Socket(octets)), method=method)  # type: ignore[name-defined]
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError) as error:
        raise HttpsFailed(type(error).__name__) from None
    content_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    return Answer(response.status, content_type, body)
