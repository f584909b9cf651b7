"""`karamail doctor` on units, with a `systemctl` that the test writes."""

from pathlib import Path

import pytest

from tests.cli.conftest import Karamail, faults, findings


@pytest.fixture
def systemctl(node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands first in PATH and says what the test has written into `failed`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(
        f'#!/bin/sh\n[ "$*" = "list-units --failed --plain --no-legend" ] && cat {folder}/failed\n'
    )
    program.chmod(0o755)
    (folder / "failed").touch()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "failed"


def test_nothing_has_failed(systemctl: Path, karamail: Karamail) -> None:
    assert [row["what"] for row in findings(karamail, "units")] == ["no unit has failed"]


def test_ours_are_broken_and_others_a_warning(systemctl: Path, karamail: Karamail) -> None:
    systemctl.write_text(
        "karamail-record.service loaded failed failed Karamail: the operation record is verified\n"
        "apt-daily.service       loaded failed failed Daily apt download activities\n"
    )
    assert faults(karamail, "units") == [
        ("broken", "karamail-record.service has failed"), ("warning", "apt-daily.service has failed")
    ]  # fmt: skip


def test_a_machine_without_systemd(
    node: Path, karamail: Karamail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert findings(karamail, "units") == []
