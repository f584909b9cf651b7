"""A new version comes while guardians register: node by node, with a mail that proves it; and the way back.

make lab-test LONG=1 ARGS=tests/lab/test_upgrade.py

The new version is this one with one migration and one word more; its bundle is made beside and put where the
nodes have theirs, as a vendor does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import deployment, host, people, places
from tests.lab.host import LabRefused
from tests.lab.probes import Probe, log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LONG"), reason="takes as long as three deployments: LONG=1"),
    pytest.mark.timeout(1800),
]
_OPERATOR = "john"
_MIGRATION = '''"""Of a test: a table more."""

from appliance.db import ddl


def up(_migrator: object, _db: object) -> None:
    ddl("CREATE TABLE of_a_newer_version (id BIGINT PRIMARY KEY)")
'''


def version(node: str) -> str:
    return host.on(node, "readlink /opt/karamail/current").strip().rpartition("/")[2]


def versions() -> set[str]:
    return {version(node.name) for node in places.NODES}


@pytest.fixture
def old() -> str:
    (found,) = versions()
    return found


@pytest.fixture
def carried(tmp_path: Path, old: str) -> Iterator[Path]:
    """A checkout of the next version; until the end of the test its bundle lies where the nodes look."""
    kept, checkout = tmp_path / "bundle", tmp_path / "checkout"
    shutil.copytree(places.BUNDLE, kept, copy_function=os.link)
    files = host.run("git", "ls-files", "-z", cwd=places.ROOT).split("\0")
    for name in filter(None, files):
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (places.ROOT / name).exists():
            shutil.copy2(places.ROOT / name, target)
    host.run("git", "init", "--quiet", checkout)
    (checkout / "appliance/migrations/0999_of_a_test.py").write_text(_MIGRATION)
    host.run("git", "add", "--all", cwd=checkout)
    bundle(checkout)
    yield checkout
    for name in ("SHA256SUMS", "VERSION", "wheels", "apt"):
        there = places.BUNDLE / name
        shutil.rmtree(there) if there.is_dir() else there.unlink()
        (kept / name).rename(there)


def bundle(checkout: Path) -> None:
    kept = places.ROOT / "var" / "cache" / "bundle"
    script = checkout / "ansible" / "bundle.py"
    host.run(sys.executable, script, "--into", places.BUNDLE, "--kept", kept, timeout_s=600)


def play(book: str) -> str:
    done = subprocess.run(
        deployment.command(book, []), cwd=deployment.ANSIBLE, capture_output=True, text=True, timeout=900
    )
    if done.returncode:
        raise LabRefused(done.stdout[-6000:])
    return done.stdout


def canaries() -> int:
    return sum(b"sends mail" in mail.content for mail in people.inbox(people.phone(_OPERATOR)))


def test_a_new_version_comes_and_goes_while_people_are_served(
    school: Founded, old: str, carried: Path
) -> None:
    before = canaries()
    with Probe(log_in) as login:
        play("upgrade.yml")
        (new,) = versions()
        assert new == (places.BUNDLE / "VERSION").read_text().strip() != old
        until(lambda: canaries() == before + 3, within_s=30, why="a mail from each node")
        play("back.yml")
    assert versions() == {old}
    until(lambda: canaries() == before + 6, within_s=30, why="a mail from each node once more")
    assert sum(each.worked for each in login.attempts) > 0.95 * len(login.attempts)
    assert "of_a_newer_version" in host.on(
        "n1", "runuser -u postgres -- psql -h /var/run/postgresql karamail -c '\\dt'"
    )
    code, words = people.send_empty_mail(people.phone("kaori"), school.code, places.BY_NAME["n2"])
    assert code == 250, words


def test_a_version_that_sends_nothing_is_stopped_at_the_first_node(old: str, carried: Path) -> None:
    """It finds no way to any receiver: the zone starts, sites answer, and no mail of it arrives."""
    with (carried / "smtp/route.py").open("a") as route:
        route.write("\n\nRouter.find = None\n")
    host.run("git", "add", "--all", cwd=carried)
    bundle(carried)
    with pytest.raises(LabRefused, match="It sends a mail that arrives"):
        play("upgrade.yml")
    running = [version(node.name) for node in places.NODES]
    assert running[0] != old
    assert set(running[1:]) == {old}
    play("back.yml")
    assert versions() == {old}
