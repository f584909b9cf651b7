"""A certificate is renewed on disk; the daemon takes it up, or keeps the one that works."""

import shutil
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from appliance.errors import ConfigInvalid
from smtp.inbound.certificate import Certificate, tls_context


def write(folder: Path, *, days: int = 30, only_chain: bool = False) -> tuple[Path, Path]:
    """A fresh pair over the old one."""
    made = trustme.CA().issue_cert(
        "mx.midori.example", not_after=datetime.now(UTC) + timedelta(days=days, hours=1)
    )
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
    if not only_chain:
        made.private_key_pem.write_to_path(key)
    return chain, key


def test_unchanged_files_are_not_loaded_again(tmp_path: Path) -> None:
    certificate = Certificate(*write(tmp_path))
    before = certificate.context
    assert not certificate.renew()
    assert certificate.context is before


def test_new_files_are_taken_up(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    certificate = Certificate(*write(tmp_path))
    before = certificate.context
    write(tmp_path, days=90)
    assert certificate.renew()
    assert certificate.context is not before
    assert '"event": "certificate.renewed", "days_left": 90' in capfd.readouterr().err


def test_a_key_that_does_not_fit_keeps_the_old_pair_and_is_an_alarm_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    certificate = Certificate(*write(tmp_path))
    before = certificate.context
    write(tmp_path, only_chain=True)
    assert [certificate.renew() for _ in range(3)] == [False] * 3
    assert certificate.context is before
    assert capfd.readouterr().err.count('"certificate.broken"') == 1
    write(tmp_path)
    assert certificate.renew()


def test_what_was_broken_for_a_moment_is_tried_again_though_nothing_seems_to_change(tmp_path: Path) -> None:
    chain, key = write(tmp_path)
    certificate = Certificate(chain, key)
    aside = tmp_path / "aside.pem"
    shutil.copy2(key, aside)
    key.unlink()
    assert not certificate.renew()
    aside.rename(key)
    certificate._looked = ((0, 0, 0),) * 2
    assert certificate.renew()


def test_an_encrypted_key_is_refused_and_no_terminal_is_asked(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    chain, key = write(tmp_path)
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    key.write_bytes(
        loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    with pytest.raises(ConfigInvalid, match=r"mail\.tls_cert"):
        tls_context(chain, key)


def test_old_protocols_are_not_spoken(tmp_path: Path) -> None:
    assert tls_context(*write(tmp_path)).minimum_version == ssl.TLSVersion.TLSv1_2
