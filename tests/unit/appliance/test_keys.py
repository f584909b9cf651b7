"""Keys: what each zone can open, find and seal; a zone that is taken over reads what its own key opens."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Zone
from appliance.errors import KeyRefused, SecretMissing
from appliance.keys import (
    Keyring,
    NewSchoolKey,
    Purpose,
    Slot,
    name_form,
    new_school_key,
    signing,
    zone_public_key,
)
from appliance.keys.secrets import SECRETS, create_secrets

SCHOOL, OTHER = 7, 8
NAME = Slot(Purpose.NAMES, "child", "name_sealed", SCHOOL, 1)
ADDRESS = Slot(Purpose.ADDRESSES, "address", "sealed", SCHOOL, 1)
SLOT_OF = {Purpose.NAMES: NAME, Purpose.ADDRESSES: ADDRESS}

# The table of the design: who may read what back, and who may only recognise it.
OPENS = {Zone.GUARDIAN: set(), Zone.SENDER: set(), Zone.MAIL: {Purpose.ADDRESSES}, Zone.ADMIN: set(Purpose)}
RECOGNISES = {
    Zone.GUARDIAN: {Purpose.NAMES},
    Zone.SENDER: {Purpose.NAMES},
    Zone.MAIL: {Purpose.ADDRESSES},
    Zone.ADMIN: set(Purpose),
}


class Shelf:
    """A key store in memory."""

    def __init__(self, folder: Path) -> None:
        zone_keys = {zone: zone_public_key(folder, zone) for zone in (Zone.ADMIN, Zone.MAIL)}
        self.keys: dict[tuple[int, Purpose], NewSchoolKey] = {
            (school, purpose): new_school_key(school, purpose, zone_keys)
            for school in (SCHOOL, OTHER)
            for purpose in Purpose
        }

    def public(self, school_id: int, purpose: Purpose) -> bytes:
        try:
            return self.keys[school_id, purpose].public
        except KeyError:
            raise KeyRefused("no such school") from None

    def wrapped(self, school_id: int, purpose: Purpose, zone: Zone) -> bytes:
        try:
            return self.keys[school_id, purpose].wrapped[zone]
        except KeyError:
            raise KeyRefused("not wrapped") from None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("zones")
    create_secrets(made)
    return made


@pytest.fixture(scope="module")
def shelf(folder: Path) -> Shelf:
    return Shelf(folder)


@pytest.fixture(scope="module")
def rings(folder: Path, shelf: Shelf) -> dict[Zone, Keyring]:
    return {zone: Keyring.load(zone, folder, shelf) for zone in Zone}


# --- the table


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("sealing", Zone)
@pytest.mark.parametrize("opening", Zone)
def test_any_zone_seals_and_only_the_named_ones_open(
    rings: dict[Zone, Keyring], sealing: Zone, opening: Zone, purpose: Purpose
) -> None:
    slot = SLOT_OF[purpose]
    sealed = rings[sealing].seal(slot, "山田 花子")
    if purpose in OPENS[opening]:
        assert rings[opening].open(slot, sealed) == "山田 花子"
    else:
        with pytest.raises(KeyRefused):
            rings[opening].open(slot, sealed)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("zone", Zone)
def test_a_zone_recognises_only_what_it_must(
    rings: dict[Zone, Keyring], zone: Zone, purpose: Purpose
) -> None:
    if purpose in RECOGNISES[zone]:
        index = rings[zone].index(purpose, "x")
        assert index == rings[Zone.ADMIN].index(purpose, "x")
        assert len(index) == 16
    else:
        with pytest.raises(KeyRefused):
            rings[zone].index(purpose, "x")


@pytest.mark.parametrize(
    "name", sorted({name for held in SECRETS.values() for name in held} | {"../admin/cookie"})
)
@pytest.mark.parametrize("zone", Zone)
def test_a_zone_reads_only_its_own_files(rings: dict[Zone, Keyring], zone: Zone, name: str) -> None:
    ring = rings[zone]
    read = ring.signing_keys if name == signing.FILE else partial(ring.secret, name)
    if name in SECRETS[zone]:
        assert read()
    else:
        with pytest.raises(KeyRefused):
            read()


def test_only_the_mail_zone_makes_links(rings: dict[Zone, Keyring]) -> None:
    assert len(rings[Zone.MAIL].link_token(b"1")) == 16
    assert rings[Zone.MAIL].link_token(b"1") != rings[Zone.MAIL].link_token(b"2")
    for zone in set(Zone) - {Zone.MAIL}:
        with pytest.raises(KeyRefused):
            rings[zone].link_token(b"1")


def test_the_zone_keys_and_cookies_of_two_zones_are_different(folder: Path) -> None:
    for name in ("zone.key", "cookie"):
        holders = [zone for zone in Zone if name in SECRETS[zone]]
        assert len({(folder / zone / name).read_bytes() for zone in holders}) == len(holders)


# --- moved, damaged, swapped


BOTH_WAYS = pytest.mark.parametrize("sealing", [Zone.GUARDIAN, Zone.ADMIN], ids=["to public", "by opener"])


@BOTH_WAYS
@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(NAME, row_id=2),
        replace(NAME, column="guardian_name_sealed"),
        replace(NAME, table="registration"),
        replace(NAME, school_id=OTHER),
        replace(NAME, purpose=Purpose.ADDRESSES),
        replace(NAME, row_id=11, school_id=SCHOOL),
    ],
    ids=["row", "column", "table", "school", "purpose", "row 11"],
)
def test_a_value_moved_elsewhere_does_not_open(
    rings: dict[Zone, Keyring], elsewhere: Slot, sealing: Zone
) -> None:
    admin = rings[Zone.ADMIN]
    sealed = rings[sealing].seal(NAME, "山田 花子")
    with pytest.raises(KeyRefused) as refusal:
        admin.open(elsewhere, sealed)
    assert "山田" not in str(refusal.value)


def test_no_two_slots_say_the_same() -> None:
    """School 1 row 11 and school 11 row 1 must not run together."""
    slots = [
        Slot(purpose, table, column, school, row)
        for purpose in Purpose
        for table, column in (("child", "name"), ("chil", "dname"))
        for school in (1, 11, 111)
        for row in (1, 11, 111)
    ]
    assert len({slot.info() for slot in slots}) == len(slots)


@BOTH_WAYS
@given(data=st.data())
def test_a_damaged_value_does_not_open(
    rings: dict[Zone, Keyring], data: st.DataObject, sealing: Zone
) -> None:
    sealed = bytearray(rings[sealing].seal(NAME, "山田 花子"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(KeyRefused):
        rings[Zone.ADMIN].open(NAME, bytes(sealed))


@given(st.binary(max_size=120))
def test_what_was_never_sealed_does_not_open(rings: dict[Zone, Keyring], noise: bytes) -> None:
    with pytest.raises(KeyRefused):
        rings[Zone.ADMIN].open(NAME, noise)


@BOTH_WAYS
@given(text=st.text(max_size=300))
def test_every_text_comes_back(rings: dict[Zone, Keyring], text: str, sealing: Zone) -> None:
    sealed = rings[sealing].seal(NAME, text)
    assert rings[Zone.ADMIN].open(NAME, sealed) == text


@BOTH_WAYS
def test_the_same_name_sealed_twice_looks_different(rings: dict[Zone, Keyring], sealing: Zone) -> None:
    assert rings[sealing].seal(NAME, "山田") != rings[sealing].seal(NAME, "山田")


@pytest.mark.parametrize("swap", ["school", "purpose", "zone"])
def test_a_wrapped_key_put_in_anothers_place_does_not_open(folder: Path, swap: str) -> None:
    """Whoever can write to the database but holds one zone's key cannot borrow another's."""
    shelf = Shelf(folder)
    sealed = Keyring.load(Zone.GUARDIAN, folder, shelf).seal(NAME, "山田 花子")
    mine, names, addresses = shelf.keys[SCHOOL, Purpose.NAMES], Purpose.NAMES, Purpose.ADDRESSES
    if swap == "school":
        shelf.keys[SCHOOL, names] = shelf.keys[OTHER, names]
    elif swap == "purpose":
        shelf.keys[SCHOOL, names] = shelf.keys[SCHOOL, addresses]
    else:
        taken = NewSchoolKey(mine.public, {Zone.ADMIN: shelf.keys[SCHOOL, addresses].wrapped[Zone.MAIL]})
        shelf.keys[SCHOOL, names] = taken
    with pytest.raises(KeyRefused):
        Keyring.load(Zone.ADMIN, folder, shelf).open(NAME, sealed)


def test_the_mail_zone_is_refused_names_even_with_the_wrapped_key_in_hand(folder: Path) -> None:
    shelf = Shelf(folder)
    sealed = Keyring.load(Zone.GUARDIAN, folder, shelf).seal(NAME, "山田 花子")
    given_away = shelf.keys[SCHOOL, Purpose.NAMES]
    shelf.keys[SCHOOL, Purpose.NAMES] = NewSchoolKey(
        given_away.public, dict.fromkeys(Zone, given_away.wrapped[Zone.ADMIN])
    )
    for zone in (Zone.MAIL, Zone.SENDER, Zone.GUARDIAN):
        with pytest.raises(KeyRefused):
            Keyring.load(zone, folder, shelf).open(NAME, sealed)


def test_destroying_a_schools_key_is_the_erasure(folder: Path) -> None:
    shelf = Shelf(folder)
    sealed = Keyring.load(Zone.GUARDIAN, folder, shelf).seal(NAME, "山田 花子")
    del shelf.keys[SCHOOL, Purpose.NAMES]
    with pytest.raises(KeyRefused):
        Keyring.load(Zone.ADMIN, folder, shelf).open(NAME, sealed)


# --- the files


def test_secrets_are_readable_by_their_zone_alone(folder: Path) -> None:
    for zone in Zone:
        assert (folder / zone).stat().st_mode & 0o077 == 0
        found = sorted(path.name for path in (folder / zone).iterdir())
        assert found == sorted(SECRETS[zone])
        assert {path.stat().st_mode & 0o777 for path in (folder / zone).iterdir()} == {0o600}


def test_a_careless_umask_changes_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = create_secrets(tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}


def test_an_existing_secret_is_never_overwritten(tmp_path: Path) -> None:
    create_secrets(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert create_secrets(tmp_path) == []
    assert {path: path.read_bytes() for path in before} == before


def test_a_lost_index_key_is_made_again_from_the_zone_that_still_has_it(tmp_path: Path) -> None:
    create_secrets(tmp_path)
    lost = tmp_path / "guardian" / "names.index"
    kept = lost.read_bytes()
    lost.unlink()
    assert create_secrets(tmp_path) == [lost]
    assert lost.read_bytes() == kept


@pytest.mark.parametrize("content", [b"", b"short\n", b"!" * 44, b"AAAA", None])
def test_a_secret_that_is_none_stops_the_start_and_says_which(
    tmp_path: Path, shelf: Shelf, content: bytes | None
) -> None:
    create_secrets(tmp_path)
    path = tmp_path / "admin" / "zone.key"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretMissing) as refusal:
        Keyring.load(Zone.ADMIN, tmp_path, shelf)
    assert str(path) in str(refusal.value)


def test_on_a_node_the_units_credentials_win(
    folder: Path, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "admin"))
    ring = Keyring.load(Zone.ADMIN, tmp_path / "not-there", shelf)
    assert ring.open(NAME, ring.seal(NAME, "山田")) == "山田"


@pytest.mark.parametrize("written", ["山田花子", "山田 花子", "山田　花子", " 山田 花子 "])
def test_a_name_is_recognised_however_it_is_spaced(written: str) -> None:
    assert name_form(written) == "山田花子"


def test_half_width_and_capitals_are_the_same_name() -> None:
    assert name_form("ﾏﾘｱ Santos") == name_form("マリア SANTOS")
