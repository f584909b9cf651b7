"""`karamail doctor` on the bundle from which a node's packages come."""

from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from appliance import clock
from cli.doctor import updates
from tests.cli.conftest import Karamail, findings


@pytest.fixture
def release(node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(updates, "RELEASE", tmp_path / "Release")
    return tmp_path / "Release"


@pytest.mark.parametrize(
    ("days", "status", "told"),
    [(3, "ok", "are of 3 days ago"), (30, "ok", "30 days"), (32, "warning", "are of 32 days ago")],
)
def test_a_month_without_a_new_bundle(
    release: Path, karamail: Karamail, days: int, status: str, told: str
) -> None:
    """No mirror tells a rack without internet that corrections wait."""
    made = format_datetime(clock.now() - timedelta(days=days))
    release.write_text(f"Codename: trixie\nDate: {made}\nOrigin: Karamail bundle\nMD5Sum:\n abc 1 Packages\n")
    (found,) = findings(karamail, "updates")
    assert found["status"] == status
    assert told in found["what"]


@pytest.mark.parametrize("text", ["Codename: trixie\n", "Date: yesterday\n", ""])
def test_a_bundle_without_a_date(release: Path, karamail: Karamail, text: str) -> None:
    release.write_text(text)
    (found,) = findings(karamail, "updates")
    assert (found["status"], "no date" in found["what"]) == ("warning", True)


def test_a_machine_without_a_bundle(release: Path, karamail: Karamail) -> None:
    assert findings(karamail, "updates") == []
