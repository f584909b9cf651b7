"""The operator renews the certificate and sends SIGHUP: a running daemon shows the new one."""

import signal
import smtplib
import ssl
from pathlib import Path

import trustme

from tests.support.installation import Installation
from tests.support.waiting import free_port, until


def renew(folder: Path) -> None:
    issued = trustme.CA().issue_cert("mx.midori.example")
    (folder / "chain.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(folder / "key.pem")


def shown(port: int) -> bytes:
    """The certificate that a mail server sees."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.starttls(context=trusting)
        assert isinstance(client.sock, ssl.SSLSocket)
        return client.sock.getpeercert(binary_form=True) or b""


def test_a_renewed_certificate_needs_no_restart(tmp_path: Path, sqlite_url: str) -> None:
    port = free_port()
    house = Installation(tmp_path, sqlite_url, mail_port=port)
    file = tmp_path / "karamail.toml"
    lines = 'tls_cert = "chain.pem"\ntls_key = "key.pem"\n\n[relay]'
    file.write_text(file.read_text(encoding="utf-8").replace("\n[relay]", lines), encoding="utf-8")
    renew(tmp_path)
    try:
        worker = house.worker("1")
        until(lambda: "process.started" in house.log("1"), within_s=30, why="no daemon")
        first = shown(port)
        assert shown(port) == first
        renew(tmp_path)
        worker.send_signal(signal.SIGHUP)
        until(lambda: "certificate.renewed" in house.log("1"), why="SIGHUP was not heard")
        assert shown(port) not in (b"", first)
        assert worker.poll() is None
    finally:
        house.close()
