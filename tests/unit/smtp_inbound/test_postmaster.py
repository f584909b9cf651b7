"""The postmaster's mail is kept whole, once, and never without bound."""

from pathlib import Path

import pytest

from appliance.address import parse
from smtp.inbound import postmaster
from smtp.inbound.postmaster import PostmasterFull, store


def test_a_mail_is_kept_as_it_came(tmp_path: Path) -> None:
    folder = tmp_path / "postmaster"
    count = store(folder, sender=parse("a..b@docomo.ne.jp"), content=b"Subject: x\r\n\r\n\xff", digest=b"1")
    (mail,) = folder.iterdir()
    assert count == 1
    assert mail.read_bytes() == b"Return-Path: <a..b@docomo.ne.jp>\r\nSubject: x\r\n\r\n\xff"
    assert (mail.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_retry_is_the_same_mail(tmp_path: Path) -> None:
    assert [store(tmp_path, sender=None, content=b"x", digest=b"1") for _ in range(2)] == [1, 1]


def test_somebody_has_to_read_it_sometime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postmaster, "MAILS", 2)
    for digest in (b"1", b"2"):
        store(tmp_path, sender=None, content=b"x", digest=digest)
    with pytest.raises(PostmasterFull):
        store(tmp_path, sender=None, content=b"x", digest=b"3")
    assert len(list(tmp_path.iterdir())) == 2


def test_it_never_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postmaster, "OCTETS", 100)
    with pytest.raises(PostmasterFull):
        store(tmp_path, sender=None, content=b"x" * 101, digest=b"1")
