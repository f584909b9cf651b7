"""Changing the DKIM keys: publish, look, activate, keep the old record for a week, retire."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from appliance.config import Config
from appliance.errors import SecretMissing
from appliance.keys import signing
from appliance.keys.signing import Algorithm
from tests.cli.conftest import Karamail
from tests.e2e.house import Names


@pytest.fixture
def folder(database: Config) -> Path:
    return database.secrets_dir / "mail"


def states(folder: Path) -> list[str]:
    return [key.state for key in signing.read(folder)]


def test_a_new_installation_signs_with_both_algorithms_at_once(folder: Path) -> None:
    keys = signing.active(signing.read(folder))
    assert [key.algorithm for key in keys] == [Algorithm.RSA, Algorithm.ED25519]


def test_the_whole_rotation_as_an_installer_does_it(
    folder: Path, karamail: Karamail, names: Names, config: Config
) -> None:
    before = signing.active(signing.read(folder))

    made = karamail("dkim", "new")
    assert made.exit_code == 0
    assert states(folder) == ["active", "active", "waiting", "waiting"]
    assert "PRIVATE KEY" not in made.output

    early = karamail("dkim", "activate")
    assert early.exit_code == 1
    assert "not activated" in early.output
    assert "does not exist" in early.output
    assert signing.active(signing.read(folder)) == before

    names.zone(made.output)  # what was printed is a zone file, comments and all
    done = karamail("dkim", "activate")
    assert done.exit_code == 0, done.output
    assert states(folder) == ["retiring", "retiring", "active", "active"]

    assert "nothing to retire yet" in karamail("dkim", "retire").output
    assert len(states(folder)) == 4
    with time_machine.travel(signing.read(folder)[0].since + timedelta(days=7, seconds=1)):
        retired = karamail("dkim", "retire")
    assert states(folder) == ["active", "active"]
    for key in before:
        assert f"take this name out of DNS: {key.name(config.mail.from_domain)}" in retired.output


def test_a_record_that_was_mistyped_activates_nothing(folder: Path, karamail: Karamail, names: Names) -> None:
    made = karamail("dkim", "new").output
    names.zone(made.replace("v=DKIM1; k=ed25519; p=", "v=DKIM1; k=ed25519; p=A"))
    done = karamail("dkim", "activate")
    assert done.exit_code == 1
    assert "gives another record" in done.output
    assert states(folder)[:2] == ["active", "active"]


def test_new_keys_are_made_once(folder: Path, karamail: Karamail) -> None:
    karamail("dkim", "new")
    again = karamail("dkim", "new")
    assert again.exit_code == 1
    assert "waiting already" in again.output
    assert len(states(folder)) == 4


def test_the_list_says_what_each_key_does(folder: Path, karamail: Karamail) -> None:
    karamail("dkim", "new")
    shown = karamail("dkim", "list").output
    for key in signing.read(folder):
        assert key.selector in shown
    assert "PRIVATE KEY" not in shown


def test_only_its_owner_reads_the_file_after_every_step(folder: Path, karamail: Karamail) -> None:
    for step in (["new"], ["activate", "--unseen"]):
        assert karamail("dkim", *step).exit_code == 0
        assert stat.S_IMODE((folder / signing.FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_selectors_are_never_used_twice_on_one_day(folder: Path) -> None:
    keys = signing.read(folder)
    twice = signing.fresh(keys, keys[0].since)
    assert len({key.selector for key in twice}) == 4


def test_nothing_to_activate_is_said(folder: Path, karamail: Karamail) -> None:
    refused = karamail("dkim", "activate")
    assert refused.exit_code == 1
    assert "no new key is waiting" in refused.output


@pytest.mark.parametrize("harm", ["", "{}", '{"keys": [{}]}', '{"keys": 7}'])
def test_a_damaged_file_is_named(folder: Path, harm: str) -> None:
    (folder / signing.FILE).write_text(harm)
    with pytest.raises(SecretMissing, match=r"dkim\.json"):
        signing.read(folder)


def test_a_selector_twice_is_refused(folder: Path) -> None:
    rows = json.loads((folder / signing.FILE).read_text())["keys"]
    (folder / signing.FILE).write_text(json.dumps({"keys": [*rows, rows[0]]}))
    with pytest.raises(SecretMissing, match="twice"):
        signing.read(folder)
