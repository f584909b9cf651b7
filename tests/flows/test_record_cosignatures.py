"""Somebody has the database role of the witnesses, and writes what is no signature; on both databases."""

from datetime import timedelta

import pytest

from appliance import clock
from appliance.config import Config
from appliance.models import Audit, AuditCheckpoint, AuditCosignature
from appliance.record import standing, trust, verify, witness
from appliance.record.verify import Kind
from tests.flows.test_record import act, sealed
from tests.flows.test_record_tampering import office, place

LINES = {
    "nothing like a signature": "あ",
    "several lines": "x\n\n— y\n",
    "the witness's own name and key": "",
    "not in its one written form": "— mx9.midori.example/witness AAAAAAB=",
}


@pytest.fixture
def record(database: Config) -> Config:
    """Twenty acts, sealed."""
    act(20)
    sealed(database)
    return database


def squat(config: Config, line: str) -> None:
    """Before the witness looks, its row is there."""
    signer = trust.witness(config)
    wrong = signer.line("another text\n", clock.now())
    AuditCosignature.create(size=20, name=signer.name, line=line or wrong)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_both_verifiers_name_it(record: Config, line: str) -> None:
    squat(record, line)
    difference = verify.verify(record).difference
    assert difference is not None
    assert (difference.kind, difference.size) == (Kind.COSIGNATURE, 20)
    assert office(record).returncode == 3


def test_it_hides_nothing_from_either(record: Config) -> None:
    squat(record, "x")
    Audit.delete().where(Audit.id == place(7).audit_id).execute()
    report = verify.verify(record)
    assert report.difference is not None
    assert (report.difference.kind, report.difference.position) == (Kind.DELETED, 7)
    assert Kind.COSIGNATURE in report.beside
    assert "place 7 is gone" in office(record).stdout


def test_the_true_witness_cosigns_all_the_same(record: Config) -> None:
    squat(record, "x")
    assert witness.cosign(record, trust.witness(record), clock.now()) == 20
    assert verify.verify(record).cosigned == 1
    assert "1 cosigned" not in office(record).stdout, "it says what is wrong, and no more"
    assert standing.look(record, clock.now() + timedelta(days=1)).behind == []


def test_a_row_under_its_name_makes_no_witness_that_has_signed(record: Config) -> None:
    squat(record, "x")
    (behind,) = standing.look(record, clock.now() + timedelta(days=1)).behind
    assert behind.name == trust.witness(record).name


@pytest.mark.parametrize("name", ["mx9.midori.example/witness", "mx9\u2028witness"])
def test_the_signature_of_a_key_that_nobody_knows_is_passed_over(record: Config, name: str) -> None:
    AuditCosignature.create(size=20, name=name, line=f"— {name} AAAAAAAA")
    assert verify.verify(record).difference is None
    assert office(record).returncode == 0


def test_a_note_that_somebody_kept_is_worth_its_logs_signature(record: Config) -> None:
    kept = AuditCheckpoint.get().note + "x\n"
    assert verify.verify(record, against=[kept]).against == 1
    file = record.secrets_dir.parent / "kept.txt"
    file.write_text(kept, encoding="utf-8")
    assert office(record, "--checkpoint", file).returncode == 0
