"""Backups: made, tried, carried away, unreadable to others; and the database as it was at a moment.

Last here is the restore itself, for which everything stands still. Others find the rack as it was.
"""

import json
import subprocess
import time
from pathlib import Path

import pytest

from demo.phones.owners import Phone
from tests.lab import deployment, host, people, places, strikes, ward
from tests.lab.authority import PUBLIC
from tests.lab.host import LabRefused
from tests.lab.probes import log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

KEEPERS = ("n1", "n2")
"""Nodes with a repository."""
CARRIED = "n2"
"""The one with a disk."""


@pytest.mark.parametrize("node", KEEPERS)
def test_a_backup_is_made_and_proved_by_restoring_it(school: Founded, node: str) -> None:
    began = host.on(node, "date --utc +%Y-%m-%dT%H:%M:%SZ").strip()
    host.on(node, "systemctl start karamail-backup@diff", timeout_s=300)
    host.on(node, "karamail audit export /root/exported; rm -rf /root/exported")  # is recorded
    recorded = host.on(node, "date --utc +%Y-%m-%dT%H:%M:%SZ").strip()
    until(lambda: _archived(node, since=recorded), within_s=150, why="WAL up to that moment")
    host.on(node, "systemctl start karamail-restore-test", timeout_s=300)
    proof = json.loads(host.on(node, "cat /var/lib/karamail-backup/proved.json"))
    status = json.loads(host.on(node, "karamail status --json"))
    assert proof["whole"]
    assert proof["records"] > 0
    assert proof["registrations"] == status["registrations"]
    assert began <= proof["backup_at"] <= proof["at"]
    assert began <= proof["last_transaction_at"] <= proof["at"]


def _archived(node: str, *, since: str) -> bool:
    """Whether the leader's WAL has been taken by every repository after the moment."""
    ask = f"SELECT coalesce(max(last_archived_time), '-infinity') > '{since}' FROM pg_stat_archiver"
    return host.on(strikes.leader().name, f'cd /; runuser -u postgres -- psql -Atc "{ask}"').strip() == "t"


@pytest.mark.parametrize("node", KEEPERS)
def test_whoever_carries_the_repository_away_can_read_nothing_of_it(node: str) -> None:
    """Every file begins as OpenSSL's encrypted files do."""
    heads = host.on(
        node,
        "find /var/lib/pgbackrest -type f -size +0 -exec sh -c 'head -c 8 \"$1\"; echo' sh {} \\;",
        timeout_s=120,
    ).split()
    assert len(heads) > 10
    assert set(heads) == {"Salted__"}


def test_a_copy_goes_to_the_disk_and_nowhere_when_there_is_none() -> None:
    host.on(CARRIED, "systemctl start karamail-backup-disk", timeout_s=300)
    host.on(CARRIED, "diff --recursive /var/lib/pgbackrest /mnt/disk/karamail")
    host.on(CARRIED, "umount /mnt/disk")
    try:
        with pytest.raises(LabRefused, match="karamail-backup-disk"):
            host.on(CARRIED, "systemctl start karamail-backup-disk", timeout_s=300)
        assert host.on(CARRIED, "ls -A /mnt/disk") == ""
    finally:
        host.on(
            CARRIED,
            "systemctl reset-failed karamail-backup-disk; mount -t tmpfs -o mode=0755 tmpfs /mnt/disk",
        )
    host.on(CARRIED, "systemctl start karamail-backup-disk", timeout_s=300)


@pytest.mark.parametrize("node", KEEPERS)
def test_the_secrets_are_copied_for_the_key_in_the_safe_alone(node: str, tmp_path: Path) -> None:
    host.on(node, "systemctl start karamail-backup-keys")
    newest = host.on(node, "ls -t /var/lib/karamail-keys/*.cms | head -n 1").strip()
    assert host.on(node, f"stat -c '%a %U' /var/lib/karamail-keys {newest}").split() == [
        "700",
        "root",
        "600",
        "root",
    ]
    sealed = tmp_path / "copy.cms"
    sealed.write_bytes(bytes.fromhex(host.on(node, f"od -An -v -tx1 {newest} | tr -d ' \\n'")))
    names = subprocess.run(
        ["tar", "-t"], input=_opened(sealed, "safe"), capture_output=True, check=True
    ).stdout
    assert b"secrets/admin/zone.key" in names
    with pytest.raises(subprocess.CalledProcessError):
        _opened(sealed, "sites")


def _opened(sealed: Path, by: str) -> bytes:
    key, certificate = PUBLIC / f"{by}.key", PUBLIC / f"{by}.crt"
    return subprocess.run(
        ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", sealed, "-inkey", key, "-recip", certificate],
        capture_output=True, check=True,
    ).stdout  # fmt: skip


def test_the_doctor_finds_the_backups_in_order() -> None:
    for node in places.NODES:
        told = json.loads(host.on(node.name, "karamail doctor --json --only backups"))
        assert told["status"] == "ok", told


def test_a_repository_that_is_away_gets_its_wal_later() -> None:
    leader = strikes.leader().name
    away = next(node for node in KEEPERS if node != leader)
    host.on(away, "systemctl stop karamail-backup-server")
    try:
        host.on(leader, "cd /; runuser -u postgres -- psql -qAtc 'SELECT pg_switch_wal()'")
        until(lambda: _waiting(leader) > 0, within_s=60, why="WAL that waits")
    finally:
        host.on(away, "systemctl start karamail-backup-server")
    until(lambda: _waiting(leader) == 0, within_s=180, why="WAL arrives")


def _waiting(node: str) -> int:
    told = host.on(node, "find /var/lib/postgresql/karamail/data/pg_wal/archive_status -name '*.ready'")
    return len(told.split())


_ADD = """
from pathlib import Path
from appliance import config, db
from appliance.directory import schools
db.connect(config.load(Path("/etc/karamail/operator.toml")))
with db.transaction():
    schools.add_school("elementary", "%s", "%s")
"""
_NAMES = """
import json
from pathlib import Path
from appliance import config, db
from appliance.models import School
db.connect(config.load(Path("/etc/karamail/operator.toml")))
print(json.dumps([school.name for school in School.select()]))
"""


def test_the_database_as_it_was_at_a_moment(school: Founded) -> None:
    ward.python("n1", _ADD % ("前小学校", "Before"))
    time.sleep(1.5)
    moment = host.on("n1", "date --utc '+%Y-%m-%d %H:%M:%S+00'").strip()
    time.sleep(1.5)
    ward.python("n1", _ADD % ("後小学校", "After"))

    began = time.monotonic()
    said = json.dumps({"restore_confirmed": places.WARD_DOMAIN, "restore_to": moment})
    deployment.play(["--extra-vars", said], book="restore.yml")
    print(f"restored in {time.monotonic() - began:.0f} s")

    names = json.loads(ward.python("n2", _NAMES).splitlines()[-1])
    assert "前小学校" in names
    assert "後小学校" not in names
    until(strikes.whole, within_s=120, why="three members, one of them leads")
    guardian = people.phone("hanako")
    before = len(people.inbox(guardian))
    until(lambda: _taken(guardian, school.code), within_s=60, why="250")
    until(lambda: len(people.inbox(guardian)) > before, within_s=60, why="the reply")
    assert log_in()


def _taken(guardian: Phone, code: str) -> bool:
    try:
        return people.send_empty_mail(guardian, code, places.BY_NAME["n3"])[0] == 250
    except OSError:
        return False


@pytest.mark.parametrize("node", KEEPERS)
def test_and_from_then_on_backups_go_on(node: str) -> None:
    host.on(node, "systemctl start karamail-backup@diff", timeout_s=300)
    host.on(node, "systemctl start karamail-restore-test", timeout_s=300)
    assert json.loads(host.on(node, "cat /var/lib/karamail-backup/proved.json"))["whole"]
    for each in places.NODES:
        assert json.loads(host.on(each.name, "karamail audit verify --json"))["whole"]
