"""What the web server itself refuses, before a page is asked: spoken to by hand over a socket."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from appliance.config import Config, Zone
from tests.support.ambiguous import AMBIGUOUS, REFUSALS, TOO_MUCH
from tests.support.settings import settings
from tests.support.sites import RunningSite, Visit
from tests.support.waiting import free_ports
from tests.web.staff.ward import Ward

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture
def config(database_url: str, tmp_path: Path, secrets: Path) -> Config:
    return settings(tmp_path, database_url, secrets=secrets, sender_port=free_ports(1)[0])


@pytest.fixture
def site(ward: Ward, tmp_path: Path) -> Iterator[RunningSite]:
    with RunningSite(tmp_path, ward.config, Zone.SENDER) as running:
        yield running


def said(site: RunningSite, request: bytes) -> int:
    """The status of the first answer; 0 when the connection was closed without one."""
    with socket.create_connection((site.host, site.port), timeout=20) as peer:
        try:
            peer.sendall(request.replace(b"HOST", urlsplit(site.origin).netloc.encode()))
            line = peer.makefile("rb").readline().split()
        except ConnectionError:
            return 0
    return int(line[1]) if line else 0


def test_what_is_ambiguous_or_too_long_is_refused(site: RunningSite) -> None:
    answers = {what: said(site, request) for what, request in (AMBIGUOUS | TOO_MUCH).items()}
    accepted = {what for what, status in answers.items() if status not in REFUSALS}
    assert accepted == set(), answers
    assert Visit(site).open("/healthz")[0] == 204


def test_a_body_of_chunks_without_end_is_cut_off(site: RunningSite) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = (
        b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    assert said(site, head + chunk * 160 + b"0\r\n\r\n") in (0, 400, 413)
    assert Visit(site).open("/healthz")[0] == 204
    assert '"unexpected"' not in site.log.read_text()


def test_the_server_names_neither_itself_nor_its_version(site: RunningSite) -> None:
    with socket.create_connection((site.host, site.port), timeout=20) as peer:
        host = urlsplit(site.origin).netloc
        peer.sendall(f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = peer.makefile("rb").read().partition(b"\r\n\r\n")[0].lower()
    for word in (b"gunicorn", b"werkzeug", b"python", b"flask"):
        assert word not in answer
