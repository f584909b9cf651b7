"""`karamail-room` itself, beside a Patroni and a clock that the test writes: who leads, and what is asked.

Real disks are in the lab (decision 0146).
"""

import os
import subprocess
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / "ansible/roles/database/templates/room.j2"
LISTED = "karamail\t{name}\t10.77.0.1\t{role}\t{state}\t5\t0\n"
PATRONICTL = """#!/bin/sh
case "$3" in
list) cat members ;;
switchover) echo "$8" >> asked; [ ! -e after ] || cp after members ;;
esac
"""
SLEEP = """#!/bin/sh
echo "$1" >> slept
[ "$(wc -l < slept)" -lt 4 ]
"""  # from the fourth on it fails, and the next look ends the script


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """n1 leads, n2 has every commit, n3 follows; the disk of n1 has 100 MB."""
    text = (
        TEMPLATE.read_text()
        .replace("{{ inventory_hostname }}", "n1")
        .replace("{{ database_room_mb }}", "256")
    )
    programs = {"room": text, "patronictl": PATRONICTL, "sleep": SLEEP, "df": "#!/bin/sh\ncat free\n"}
    for name, script in programs.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "free").write_text("Avail\n  100\n")
    roles(tmp_path, n1="Leader", n2="Sync Standby", n3="Replica")
    return tmp_path


def roles(node: Path, file: str = "members", **given: str) -> None:
    states = {"Leader": "running", "Sync Standby": "streaming", "Replica": "streaming"}
    lines = (LISTED.format(name=name, role=role, state=states[role]) for name, role in given.items())
    (node / file).write_text("".join(lines))


def asked(node: Path) -> tuple[list[str], list[str]]:
    """Whom the lead was offered to, and how long the script slept the first four times."""
    path = f"{node}:{os.environ['PATH']}"
    subprocess.run(["sh", "room"], cwd=node, env={"PATH": path}, timeout=30, check=False, capture_output=True)
    offered = (node / "asked").read_text().split() if (node / "asked").exists() else []
    return offered, (node / "slept").read_text().split()[:4]


def test_with_room_nobody_is_asked(node: Path) -> None:
    (node / "free").write_text("Avail\n 9000\n")
    assert asked(node) == ([], ["2"] * 4)


def test_the_lead_goes_once_to_the_node_that_has_every_commit_and_not_to_and_fro(node: Path) -> None:
    roles(node, "after", n1="Replica", n2="Leader", n3="Sync Standby")
    assert asked(node) == (["n2"], ["2", "1800", "2", "20"])


def test_who_could_not_give_it_away_tries_again(node: Path) -> None:
    assert asked(node) == (["n2"] * 3, ["2"] * 4)


def test_a_node_that_does_not_lead_gives_nothing_away(node: Path) -> None:
    roles(node, n1="Sync Standby", n2="Leader", n3="Replica")
    assert asked(node) == ([], ["2", "20", "2", "20"])


def test_without_a_second_node_that_has_every_commit_it_stays(node: Path) -> None:
    roles(node, n1="Leader", n2="Replica", n3="Replica")
    assert asked(node) == ([], ["2"] * 4)
