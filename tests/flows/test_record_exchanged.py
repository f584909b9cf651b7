"""The record's keys were on a machine that is gone: others sign now, and nothing of before is in doubt."""

import subprocess

import pytest

from appliance import clock
from appliance.config import Config
from appliance.keys import record as keys
from appliance.models import AuditCheckpoint
from appliance.record import note, standing, trust, verify, witness
from appliance.record.note import Signer
from appliance.record.verify import Kind
from tests.flows.test_exchange import exchange_all
from tests.flows.test_record import act, sealed
from tests.flows.test_record_tampering import office
from tests.flows.ward import Ward


@pytest.fixture
def thief(ward: Ward, config: Config) -> Signer:
    """Acts of a term, sealed and cosigned; who has the keys of that time; and new ones in their place."""
    keep(config)
    signer = trust.sealer(config)
    exchange_all(ward)
    keep(config)
    return signer


def keep(config: Config) -> None:
    act(40)
    sealed(config)
    witness.cosign(config, trust.witness(config), clock.now())


def checked(config: Config) -> tuple[verify.Report, subprocess.CompletedProcess[str]]:
    """By the appliance, and by the ward on a computer of its own."""
    return verify.verify(config), office(config)


def test_all_is_as_it_was_signed_before_and_after(config: Config, thief: Signer) -> None:
    report, ward = checked(config)
    assert (report.difference, report.checkpoints, report.cosigned) == (None, 2, 2)
    assert "2 cosigned" in ward.stdout
    assert thief.key.id != trust.sealer(config).key.id


def test_what_the_thief_signs_counts_no_more(config: Config, thief: Signer) -> None:
    last = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).get()
    checkpoint, _ = note.read(last.note, trust.trusted(config))
    forged = note.write(checkpoint, [thief.line(checkpoint.text, clock.now())])
    AuditCheckpoint.update(note=forged).where(AuditCheckpoint.size == last.size).execute()
    trust.witness_file(config).unlink()
    report, ward = checked(config)
    assert report.difference is not None
    assert (report.difference.kind, report.difference.size) == (Kind.FORGED, last.size)
    assert "not signed with the log's key" in ward.stdout


def test_another_nodes_witness_gets_a_key_of_its_own_once(ward: Ward, config: Config) -> None:
    """The new secrets come to every node but the witness's: what it still has was exchanged, too."""
    path = config.secrets_dir / "witness" / "witness.key"
    others = path.read_bytes()
    exchange_all(ward)
    trust.drop_retired_witness(config)
    assert path.exists()
    path.write_bytes(others)
    trust.drop_retired_witness(config)
    assert keys.create(config.secrets_dir) == [path]


def test_nobody_waits_for_a_witness_that_was_exchanged(config: Config, thief: Signer) -> None:
    """Its place has another; a stolen machine's has none until there is another machine."""
    left = [key.text for key in trust.former(config)]
    only = config.model_copy(update={"audit": config.audit.model_copy(update={"keys": left})})
    assert standing.look(only, clock.now()).witnesses == []
    assert standing.look(config, clock.now()).witnesses == [trust.witness(config).name]


def test_exchanged_again_each_key_counts_as_long_as_it_did(ward: Ward, config: Config, thief: Signer) -> None:
    first = {key.id: key.until for key in trust.former(config)}
    exchange_all(ward)
    keep(config)
    again = {key.id: key.until for key in trust.former(config)}
    assert first.items() <= again.items()
    assert len(again) == 2 * len(first)
    assert verify.verify(config).difference is None
