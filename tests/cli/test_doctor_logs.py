"""`karamail doctor` on the logs of all members."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from appliance import clock
from cli.doctor import logs
from cli.logs import today
from tests.cli.conftest import Karamail, faults, findings

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def folder(node: Path, tmp_path: Path, karamail: Karamail, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two members, both heard of just now; three days ago is sealed."""
    folder = tmp_path / "logs"
    for member in ("n1", "n2"):
        line(folder, member, days_ago=3)
    assert karamail("logs", "seal", "--folder", str(folder)).exit_code == 0
    for member in ("n1", "n2"):
        line(folder, member)
    monkeypatch.setattr(logs, "FOLDER", folder)
    return folder


def line(folder: Path, member: str, *, days_ago: int = 0, minutes_ago: int = 0) -> None:
    path = folder / member / f"{today() - timedelta(days=days_ago)}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("-- MARK --\n")
    at = (clock.now() - timedelta(days=days_ago, minutes=minutes_ago)).timestamp()
    os.utime(path, (at, at))


def test_all_members_are_heard_and_every_day_is_sealed(folder: Path, karamail: Karamail) -> None:
    told = [row["what"] for row in findings(karamail, "logs")]
    assert told == ["lines come from n1, n2", "2 files are sealed"]


def test_a_member_that_is_silent(folder: Path, karamail: Karamail) -> None:
    for path in (folder / "n2").iterdir():
        at = (clock.now() - timedelta(minutes=95)).timestamp()
        os.utime(path, (at, at))
    assert faults(karamail, "logs") == [("warning", "nothing has come from n2 for 95 minutes")]


def test_a_day_that_nobody_sealed(folder: Path, karamail: Karamail) -> None:
    line(folder, "n1", days_ago=2)
    day = today() - timedelta(days=2)
    assert faults(karamail, "logs") == [("broken", f"1 files have no seal, the first of {day}")]


def test_seals_that_cannot_be_read(folder: Path, karamail: Karamail) -> None:
    (folder / "seals").write_text("what is this\n")
    ((status, what),) = faults(karamail, "logs")
    assert status == "broken"
    assert what.startswith("line 1 of ")


def test_a_node_whose_logs_nobody_keeps(
    node: Path, karamail: Karamail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FOLDER", tmp_path / "nothing")
    ((status, what),) = faults(karamail, "logs")
    assert (status, what.endswith("no member's logs are kept")) == ("warning", True)
