"""`karamail audit`, as an operator and a monitoring program use it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.config import Config
from appliance.models import Audit, AuditCosignature
from cli.main import main
from tests.flows.test_record import act


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def run(config: Config, *words: object) -> Result:
    path = config.secrets_dir.parent / "karamail.toml"
    return CliRunner().invoke(main, ["--config", str(path), "audit", *map(str, words)])


def test_sealed_cosigned_verified_exported(database: Config, tmp_path: Path) -> None:
    act(12)
    assert run(database, "seal", "--once").output.endswith("12 records sealed\n")
    assert run(database, "witness", "--once").output.endswith("cosigned the checkpoint of 12 records\n")
    assert run(database, "witness", "--once").output == "nothing new\n"
    done = run(database, "verify")
    assert (done.exit_code, "all is as it was signed" in done.output) == (0, True)
    assert "12 records written" in run(database, "export", tmp_path / "out").output
    assert len((tmp_path / "out" / "records.jsonl").read_bytes().splitlines()) == 12
    again = run(database, "export", tmp_path / "out")
    assert (again.exit_code, "exists" in again.output) == (1, True)
    assert Audit.select().order_by(Audit.id.desc()).get().act == "records.exported"
    assert run(database, "expire").output == "0 records deleted\n"


def test_a_difference_is_a_sentence_and_an_exit_code_of_its_own(database: Config) -> None:
    act(3)
    run(database, "seal", "--once")
    Audit.update(result="wrong").where(Audit.id == 2).execute()
    done = run(database, "verify")
    assert (done.exit_code, done.output) == (
        3, "DIFFERENT: the record at place 1 (id 2) is not the one that was sealed\n",
    )  # fmt: skip
    told = json.loads(run(database, "verify", "--json").output)
    assert (told["whole"], told["difference"]["kind"], told["difference"]["record_id"]) == (
        False, "altered", 2,
    )  # fmt: skip


def test_without_a_known_key_nothing_is_called_whole(database: Config) -> None:
    act()
    run(database, "seal", "--once")
    assert len(run(database, "keys").output.splitlines()) == 2
    (database.secrets_dir / "audit" / "seal.key").unlink()
    done = run(database, "verify")
    assert (done.exit_code, "audit.keys" in done.output) == (78, True)


def test_a_kept_checkpoint_that_is_none_is_refused(database: Config, tmp_path: Path) -> None:
    (tmp_path / "mailed.txt").write_text("みどり区\n", encoding="utf-8")
    done = run(database, "verify", "--against", tmp_path / "mailed.txt")
    assert (done.exit_code, "not a signed checkpoint" in done.output) == (1, True)


def test_what_is_no_signature_is_named_until_an_operator_discards_it(database: Config) -> None:
    act(3)
    run(database, "seal", "--once")
    run(database, "witness", "--once")
    AuditCosignature.create(size=3, name="mx9.midori.example/witness", line="x")
    done = run(database, "verify")
    assert (done.exit_code, "`karamail audit discard 3`" in done.output) == (3, True)
    assert run(database, "discard", 3).output == "1 lines taken away\n"
    assert run(database, "verify").exit_code == 0
    assert Audit.select().order_by(Audit.id.desc()).get().act == "cosignatures.discarded"
    assert run(database, "discard", 99).exit_code == 1


def test_who_has_looked_says_so_of_one_place_or_of_several(database: Config) -> None:
    act(4)
    run(database, "seal", "--once")
    assert "the record at place 2 was looked at" in run(database, "examined", 2).output
    assert "the records at places 1 to 3 were looked at" in run(database, "examined", 1, 3).output
    said = Audit.select().order_by(Audit.id.desc()).get()
    assert (said.act, said.object_id, json.loads(said.detail)) == ("record.examined", 1, {"to": 3})


def test_a_place_that_is_not_sealed_yet_is_refused_in_a_sentence(database: Config) -> None:
    act(4)
    run(database, "seal", "--once")
    done = run(database, "examined", 4)
    assert (done.exit_code, "place 4 is not sealed yet" in done.output) == (1, True)
    assert "The last place is 3." in done.output
