"""Three new machines at another place, an external disk, and a key from the ward's safe: the ward goes on.

make lab-test LONG=1 ARGS=tests/lab/test_from_disk.py

Nothing of the old machines is used but what lay on the disk, and the inventory with its secrets.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.lab import deployment, host, nodes, places, strikes, ward
from tests.lab.authority import PUBLIC
from tests.lab.probes import log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LONG"), reason="takes as long as two deployments: LONG=1"),
    pytest.mark.timeout(2400),
]
_HAS_THE_DISK, _GETS_IT = "n2", "n1"
_DISK = "/mnt/carried"


def carry_away(folder: Path) -> Path:
    """The disk, and the newest copy of the secrets, opened with the safe's key; the folder of secrets."""
    for unit in ("karamail-backup@diff", "karamail-backup-disk", "karamail-backup-keys"):
        host.on(_HAS_THE_DISK, f"systemctl start {unit}", timeout_s=300)
    newest = host.on(_HAS_THE_DISK, "ls -t /var/lib/karamail-keys/*.cms | head -n 1").strip()
    (folder / "copy.cms").write_bytes(fetched(f"cat {newest}"))
    (folder / "disk.tar").write_bytes(fetched("tar --create --directory /mnt/disk karamail"))
    opened = subprocess.run(
        ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", folder / "copy.cms",
         "-inkey", PUBLIC / "safe.key", "-recip", PUBLIC / "safe.crt"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    subprocess.run(["tar", "--extract", "--directory", folder], input=opened, check=True)
    return folder / "secrets"


def fetched(command: str) -> bytes:
    words = host.ssh(_HAS_THE_DISK, f"sudo {command}")
    return subprocess.run(words, capture_output=True, check=True, timeout=300).stdout


def plug_in(folder: Path) -> None:
    words = host.ssh(_GETS_IT, f"sudo mkdir {_DISK} && sudo tar --extract --directory {_DISK}")
    subprocess.run(words, input=(folder / "disk.tar").read_bytes(), check=True, timeout=300)


def test_a_ward_goes_on_from_its_disk_and_its_safe(school: Founded, tmp_path: Path) -> None:
    ward.register(school)
    guardians = ward.listed("n1", school)
    assert ward.FAMILY in guardians
    secrets = carry_away(tmp_path)
    for node in places.NODES:
        nodes.power_off(node)
        nodes.forget(node)
    for node in places.NODES:
        nodes.prepare(node)
        nodes.power_on(node)
        nodes.wait(node)
    deployment.play([])
    assert json.loads(host.on("n1", "karamail status --json"))["registrations"] == 0
    plug_in(tmp_path)
    said = {
        "from_disk": f"{_DISK}/karamail", "from_secrets": str(secrets),
        "restore_confirmed": places.WARD_DOMAIN,
    }  # fmt: skip
    deployment.play(["--extra-vars", json.dumps(said)], book="from_disk.yml")

    until(strikes.whole, within_s=60, why="three members")
    assert ward.listed("n3", school) == guardians
    assert log_in(), "the principal's password is the one from before"
    for each in places.NODES:
        assert json.loads(host.on(each.name, "karamail audit verify --json"))["whole"]
    assert ward.found("n2") == school
