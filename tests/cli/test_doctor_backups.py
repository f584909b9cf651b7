"""`karamail doctor` on backups: what a night leaves behind, and what it did not."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from appliance import clock
from cli.doctor import backups
from tests.cli.conftest import Karamail, faults, findings

UNITS = ("karamail-restore-test.timer", "karamail-backup-keys.timer", "karamail-backup-disk.service")


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


pytestmark = pytest.mark.postgres


@pytest.fixture
def rack(tmp_path: Path, node: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a node with a repository, after a night in which all went well."""
    root = tmp_path / "root"
    for name in UNITS:
        put(root / "etc/systemd/system" / name, hours_ago=900)
    put(root / "etc/pgbackrest/pgbackrest.conf")
    put(root / "var/lib/karamail-backup/carried", hours_ago=7)
    put(root / "var/lib/karamail-keys/20261126T1845Z.cms", hours_ago=7)
    (root / "var/lib/postgresql/karamail/data/pg_wal/archive_status").mkdir(parents=True)
    prove(root)
    monkeypatch.setattr(backups, "ROOT", root)
    return root


def put(path: Path, *, hours_ago: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    at = (clock.now() - timedelta(hours=hours_ago)).timestamp()
    os.utime(path, (at, at))


def prove(
    root: Path, *, hours_ago: float = 6, backup_h: float = 2, last_h: float = 0.02, whole: bool = True
) -> None:
    """What the last restore left; ages of backup and last transaction are those at that moment."""
    at = clock.now() - timedelta(hours=hours_ago)
    words = {"at": 0.0, "backup_at": backup_h, "last_transaction_at": last_h}
    times = {word: f"{at - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for word, hours in words.items()}
    proof = times | {"registrations": 42_913, "records": 1207, "whole": whole, "seconds": 140}
    (root / "var/lib/karamail-backup/proved.json").write_text(json.dumps(proof))


def test_after_a_good_night(rack: Path, karamail: Karamail) -> None:
    assert [row["what"] for row in findings(karamail, "backups")] == [
        "no WAL waits for a repository",
        "restored 6 hours ago: 42913 registrations, 1207 operation records, in 140 s",
        "the last sealed copy of the secrets is 7 hours old",
        "the last copy on the external disk is 7 hours old",
    ]
    assert faults(karamail, "backups") == []


@pytest.mark.parametrize(
    ("night", "status", "words"),
    [
        ({"hours_ago": 31}, "broken", "the last backup that was tried was restored 31 hours ago"),
        ({"backup_h": 50}, "broken", "the newest backup was 2 days old when it was restored"),
        ({"last_h": 5}, "warning", "but its last transaction was 5 hours older"),
        ({"whole": False}, "broken", "the operation record in it is not as it was signed"),
    ],
)
def test_a_night_that_went_wrong(
    rack: Path, karamail: Karamail, night: dict[str, float], status: str, words: str
) -> None:
    prove(rack, **night)  # type: ignore[arg-type]
    ((told, what),) = faults(karamail, "backups")
    assert told == status
    assert words in what


def test_a_node_on_which_nothing_was_ever_restored(rack: Path, karamail: Karamail) -> None:
    (rack / "var/lib/karamail-backup/proved.json").unlink()
    assert faults(karamail, "backups") == [("broken", "no backup of this node was ever restored")]


@pytest.mark.parametrize(("minutes", "status"), [(5, None), (40, "warning"), (300, "broken")])
def test_wal_that_no_repository_takes(
    rack: Path, karamail: Karamail, minutes: int, status: str | None
) -> None:
    folder = rack / "var/lib/postgresql/karamail/data/pg_wal/archive_status"
    put(folder / "000000010000000000000011.ready", hours_ago=minutes / 60)
    put(folder / "000000010000000000000012.ready")
    found = faults(karamail, "backups")
    assert [told for told, _ in found] == ([status] if status else [])
    assert not status or found[0][1].startswith("2 WAL files wait for a repository, the first for ")


def test_a_node_that_was_installed_today_has_until_tomorrow(rack: Path, karamail: Karamail) -> None:
    (rack / "var/lib/karamail-backup/proved.json").unlink()
    (rack / "var/lib/karamail-keys/20261126T1845Z.cms").unlink()
    timers = ("karamail-restore-test.timer", "karamail-backup-keys.timer")
    for hours_ago, told in ((20, []), (30, ["broken", "broken"])):
        for name in timers:
            put(rack / "etc/systemd/system" / name, hours_ago=hours_ago)
        assert [status for status, _ in faults(karamail, "backups")] == told


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("var/lib/karamail-backup/carried", "the last copy on the external disk is 3 days old"),
        ("var/lib/karamail-keys/20261126T1845Z.cms", "the last sealed copy of the secrets is 3 days old"),
    ],
)
def test_a_copy_that_stays_away(rack: Path, karamail: Karamail, path: str, what: str) -> None:
    put(rack / path, hours_ago=80)
    assert faults(karamail, "backups") == [("broken", what)]


def test_a_disk_that_was_never_there(rack: Path, karamail: Karamail) -> None:
    (rack / "var/lib/karamail-backup/carried").unlink()
    assert faults(karamail, "backups") == [("broken", "there is no copy on the external disk yet")]


def test_a_node_without_a_disk_and_without_a_safe(rack: Path, karamail: Karamail) -> None:
    for name in UNITS[1:]:
        (rack / "etc/systemd/system" / name).unlink()
    assert faults(karamail, "backups") == [("warning", "the secrets are copied by nobody")]


def test_a_node_without_a_repository_only_sends_its_wal(rack: Path, karamail: Karamail) -> None:
    for name in UNITS:
        (rack / "etc/systemd/system" / name).unlink()
    assert [row["what"] for row in findings(karamail, "backups")] == ["no WAL waits for a repository"]


def test_a_database_that_is_backed_up_by_other_means(rack: Path, karamail: Karamail) -> None:
    (rack / "etc/pgbackrest/pgbackrest.conf").unlink()
    assert faults(karamail, "backups") == [("warning", "pgBackRest is not set up on this node")]
