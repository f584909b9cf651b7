"""`karamail doctor` at a real node: who is let in, and who gets the checkpoint."""

from pathlib import Path

import pytest

from appliance.config import Config
from tests.cli.conftest import Karamail, faults
from tests.support.settings import on_a_node

STRICT = """
[devices]
ward_networks = ["198.51.100.0/24"]
minimum_os = {ios = 17}
"""


@pytest.fixture
def real(node: Path) -> Path:
    """No demo, and the settings that each test adds."""
    return on_a_node(node)


def add(real: Path, text: str) -> None:
    real.write_text(real.read_text() + text)


def test_what_the_ward_asks_for_is_in_order(real: Path, karamail: Karamail) -> None:
    add(real, STRICT)
    assert faults(karamail, "entrance") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n[devices]\nminimum_os = {ios = 17}\n", ("broken", "names no network")),
        ('\n[devices]\nward_networks = ["198.51.100.0/24"]\n', ("warning", "minimum_os is empty")),
    ],
)
def test_what_lets_more_people_in_or_nobody_is_said(
    real: Path, karamail: Karamail, text: str, expected: tuple[str, str]
) -> None:
    add(real, text)
    ((status, what),) = faults(karamail, "entrance")
    assert status == expected[0]
    assert expected[1] in what


def test_a_demo_has_no_ward(node: Path, karamail: Karamail) -> None:
    assert faults(karamail, "entrance") == []


def test_a_record_whose_checkpoints_nobody_gets(real: Path, karamail: Karamail, database: Config) -> None:
    assert [what for _, what in faults(karamail, "record") if "mail_to" in what]
    add(real, '\n[audit]\nmail_to = "kiroku@midori.lg.jp"\n')
    assert not [what for _, what in faults(karamail, "record") if "mail_to" in what]
