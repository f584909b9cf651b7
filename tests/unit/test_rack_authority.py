"""The authority of a rack signs what is missing, once, and has a successor in three steps that may last."""

import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tests.unit.test_deployment import ANSIBLE, PROGRAMS, needs_ansible

pytestmark = needs_ansible
_WANTED = [{"node": "n1", "name": "member", "hosts": ["n1", "10.77.0.11"]}]


@pytest.fixture
def rack(tmp_path: Path) -> Path:
    step(tmp_path / "rack")
    return tmp_path / "rack"


def step(rack: Path, succession: str = "none") -> bool:
    """As a playbook takes it; whether anything changed."""
    asked = {"folder": str(rack), "title": "Rack", "succession": succession, "certificates": _WANTED}
    done = subprocess.run(
        [PROGRAMS / "ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "rack_authority",
         "-a", json.dumps(asked), "-e", f"ansible_python_interpreter={PROGRAMS / 'python'}"],
        cwd=ANSIBLE, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return "changed: true" in done.stdout


def member(rack: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((rack / "n1" / "member.crt").read_bytes())


def believed(rack: Path, shown: x509.Certificate) -> bool:
    """Whether a member that has what lies in the folder lets this one in."""
    authorities = x509.load_pem_x509_certificates((rack / "trusted.crt").read_bytes())
    judge = PolicyBuilder().store(Store(authorities)).build_server_verifier(x509.DNSName("n1"))
    try:
        judge.verify(shown, [])
    except VerificationError:
        return False
    return True


def test_what_is_there_stays(rack: Path) -> None:
    first = member(rack)
    assert believed(rack, first)
    assert not step(rack)
    assert member(rack) == first


def test_a_successor_is_believed_before_it_signs_and_the_old_one_until_nobody_needs_it(rack: Path) -> None:
    old = member(rack)
    assert step(rack, "announce")
    assert member(rack) == old
    assert step(rack, "issue")
    new = member(rack)
    assert new.issuer != old.issuer
    assert believed(rack, old)
    assert believed(rack, new)
    assert step(rack, "conclude")
    assert member(rack) == new
    assert not believed(rack, old)
    assert believed(rack, new)
    assert {path.name for path in rack.iterdir()} == {"authority.crt", "authority.key", "trusted.crt", "n1"}


@pytest.mark.parametrize("until", ["announce", "issue"])
def test_each_step_may_last_and_be_repeated(rack: Path, until: str) -> None:
    for name in ("announce", "issue")[: 1 + (until == "issue")]:
        step(rack, name)
    shown = member(rack)
    assert not step(rack)
    assert not step(rack, until)
    assert member(rack) == shown
    assert believed(rack, shown)


def test_a_run_that_starts_over_makes_no_third_one(rack: Path) -> None:
    """It stopped while members took their new certificates."""
    step(rack, "announce")
    step(rack, "issue")
    shown = member(rack)
    assert not step(rack, "announce")
    assert not step(rack, "issue")
    assert member(rack) == shown


def test_a_power_cut_between_two_files_is_mended_by_the_next_run(rack: Path) -> None:
    step(rack, "announce")
    (rack / "authority.crt").rename(rack / "former.crt")
    (rack / "successor.key").rename(rack / "authority.key")
    assert step(rack, "issue")
    assert believed(rack, member(rack))
    assert step(rack, "conclude")
    assert believed(rack, member(rack))
