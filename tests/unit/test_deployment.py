"""The deployment as far as it can be judged without nodes: it parses, the linter agrees, variables are typed.

`make lab` tries the rest on three nodes. Fails for one reason; where Ansible is not installed, it says so.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.config import Keeper, Zone
from appliance.keys import record
from appliance.keys.secrets import ROLE_PASSWORD, SECRETS

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE = ROOT / "ansible"
BOOKS = (
    "site.yml",
    "restore.yml",
    "upgrade.yml",
    "back.yml",
    "exchange.yml",
    "authority.yml",
    "certificate.yml",
    "from_disk.yml",
)
PROGRAMS = ROOT / ".venv-ansible" / "bin"
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
UNITS = sorted((ROOT / "systemd").glob("*.service"))

needs_ansible = pytest.mark.skipif(
    not (PROGRAMS / "ansible-playbook").exists(), reason="Ansible is not installed: make test does"
)


def _told(*words: str | Path) -> str:
    done = subprocess.run(words, cwd=ANSIBLE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_ansible
@pytest.mark.parametrize("inventory", ["lab", "vagrant", "example"])
def test_the_playbook_parses(inventory: str) -> None:
    hosts = f"inventories/{inventory}/hosts.yml"
    _told(PROGRAMS / "ansible-playbook", "-i", hosts, *BOOKS, "--syntax-check")


@needs_ansible
def test_the_linter_has_nothing_to_say() -> None:
    """But of what runs once: our plays are never run with the strategy `free`."""
    _told(PROGRAMS / "ansible-lint", "--offline", "-q", "--nocolor", "--skip-list=run-once", *BOOKS)


@pytest.mark.parametrize("needed", ["dkimpy", "pynacl"])
def test_a_node_can_judge_both_kinds_of_signatures(needed: str) -> None:
    """RSA, and Ed25519 (RFC 8463): dkimpy leaves that to PyNaCl without asking for it."""
    assert re.search(rf"^{needed}==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("vagrant") is None, reason="Vagrant is not installed")
def test_the_vagrantfile_is_valid() -> None:
    done = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_nothing_stands_in_the_order_of_a_set(role: str) -> None:
    """It is another one in the next run: settings would change and zones restart."""
    for path in (ANSIBLE / "roles" / role).rglob("*"):
        if path.is_file():
            found = re.findall(r"\|\s*((?:symmetric_)?difference|union|intersect)\(.*", path.read_text())
            assert not found, path


@pytest.mark.parametrize("role", ROLES)
def test_each_default_of_a_role_has_its_type(role: str) -> None:
    defaults = ANSIBLE / "roles" / role / "defaults" / "main.yml"
    typed = (ANSIBLE / "roles" / role / "meta" / "argument_specs.yml").read_text()
    if defaults.exists():
        for name in re.findall(r"^(\w+):", defaults.read_text(), re.MULTILINE):
            assert re.search(rf"^      {name}:", typed, re.MULTILINE), f"{role}: {name}"


def test_every_role_is_in_the_story() -> None:
    told = re.findall(r"roles: \[([\w, ]+)\]", (ANSIBLE / "site.yml").read_text())
    assert sorted(", ".join(told).split(", ")) == ROLES


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_each_part_of_a_sandbox_has_its_reason(unit: Path) -> None:
    """Between two empty or commented lines stands one thought; each begins with why."""
    section = unit.read_text().partition("[Service]")[2].partition("[Install]")[0]
    sandbox = section.partition("LoadCredential=")[2]
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes"):
        assert line in sandbox
        before = sandbox.partition(line)[0].rpartition("\n\n")[2]
        assert "#" in before


_WITHOUT = ("karamail-record",)
"""Of an operator, as the tables' owner: no zone's secret is needed for it."""


def test_no_zone_is_given_the_secret_of_another() -> None:
    for unit in UNITS:
        zones = set(re.findall(r"/etc/karamail/secrets/(\w+)/", unit.read_text()))
        assert len(zones) == (unit.stem not in _WITHOUT), unit.name


@pytest.mark.parametrize("zone", Zone)
def test_each_zone_is_given_all_of_its_secrets(zone: Zone) -> None:
    """A secret that a zone gained and its unit did not keeps the zone from starting, on nodes only."""
    unit = (ROOT / "systemd" / f"karamail-{zone}.service").read_text()
    given = re.findall(rf"^LoadCredential=(\S+):/etc/karamail/secrets/{zone}/\1$", unit, re.MULTILINE)
    assert sorted(given) == sorted(SECRETS[zone])


@pytest.mark.parametrize("keeper", Keeper)
def test_each_keeper_is_given_its_password_and_what_it_signs_with(keeper: Keeper) -> None:
    unit = (ROOT / "systemd" / f"karamail-{keeper}.service").read_text()
    given = re.findall(rf"^LoadCredential=(\S+):/etc/karamail/secrets/{keeper}/\1$", unit, re.MULTILINE)
    keys = [name for whose, name in (record.SEAL, record.WITNESS) if whose is keeper]
    assert sorted(given) == sorted([*keys, ROLE_PASSWORD])
