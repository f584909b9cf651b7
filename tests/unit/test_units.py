"""The units in systemd/ hand each process the secrets of its zone or keeper, and no others."""

import re
from pathlib import Path

import pytest

from appliance.config import Keeper, Zone
from appliance.keys import record
from appliance.keys.secrets import SECRETS

UNITS = Path(__file__).parents[2] / "systemd"
DATABASE = {"database.crt", "database.key"}


def credentials(unit: str) -> dict[str, str]:
    """Name to path, as the unit loads them."""
    text = (UNITS / f"karamail-{unit}.service").read_text()
    return dict(re.findall(r"^LoadCredential=(\S+?):(\S+)$", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("unit", "zone"), [*((zone.value, zone) for zone in Zone), ("recognise", Zone.ADMIN)]
)
def test_a_zone_is_given_its_secrets_and_no_others(unit: str, zone: Zone) -> None:
    found = credentials(unit)
    assert found.keys() == {*SECRETS[zone], *DATABASE}
    for name, path in found.items():
        folder = "database" if name in DATABASE else f"secrets/{zone}"
        assert path.startswith(f"/etc/karamail/{folder}/"), path


@pytest.mark.parametrize(("keeper", "key"), [(Keeper.SEALER, record.SEAL), (Keeper.WITNESS, record.WITNESS)])
def test_a_keeper_of_the_record_is_given_the_key_that_it_signs_with(
    keeper: Keeper, key: tuple[Keeper, str]
) -> None:
    assert credentials(keeper).keys() == {key[1], "role.password", *DATABASE}
