"""A machine was stolen: all secrets are exchanged, names and addresses are sealed anew, nobody is lost."""

import os
import shutil
from pathlib import Path

import psycopg
import pyotp
import pytest
from click.testing import CliRunner, Result

from appliance import clock, db, exchange, keystore, transport
from appliance.account import one_time
from appliance.actor import Actor, Role
from appliance.config import Zone
from appliance.directory import registrants
from appliance.errors import KeyRefused, TokenUnknown
from appliance.keys import Keyring
from appliance.models import (
    ALL,
    Address,
    Audit,
    Child,
    Factor,
    Prepared,
    Registration,
    SchoolKey,
    StaffSession,
    WrappedKey,
)
from appliance.models.fields import SealedField
from cli.main import main
from tests.flows.proving import add_app, inside, keyring, login, person
from tests.flows.ward import Ward


@pytest.fixture
def families(ward: Ward) -> list[Registration]:
    here = [
        ward.register(f"{name}@docomo.ne.jp", f"山田 {name}", f"山田 {name}の母")
        for name in ("hana", "taro", "jiro")
    ]
    return [*here, ward.register("hi@yamada-ke.example", "山田 花子", "山田 父", ward.other_classes[0])]


def exchanged(ward: Ward) -> Result:
    """As an operator does it, when everything stands still."""
    db.vanish()
    file = ward.config.secrets_dir.parent / "karamail.toml"
    return CliRunner().invoke(main, ["--config", str(file), "keys", "exchange", "--stopped"])


def exchange_all(ward: Ward) -> str:
    result = exchanged(ward)
    assert result.exit_code == 0, result.output
    return result.output


def files(secrets_dir: Path) -> dict[str, bytes]:
    found = (path for path in secrets_dir.rglob("*") if path.is_file())
    return {str(path.relative_to(secrets_dir)): path.read_bytes() for path in found}


def listed(ward: Ward, school_id: int) -> list[tuple[str, str, str]]:
    """As the school sees them."""
    clerk = Actor(ward.account_id, Role.PRINCIPAL, frozenset({school_id}), Zone.ADMIN)
    rows = registrants.page(clerk, ward.keyring(Zone.ADMIN), school_id, None, 50).rows
    return sorted((row.child_name, row.guardian_name, row.address) for row in rows)


def test_everybody_is_still_there_under_new_keys(ward: Ward, families: list[Registration]) -> None:
    seen = [listed(ward, school.id) for school in (ward.school, ward.other)]
    before, public = files(ward.config.secrets_dir), {bytes(row.public) for row in SchoolKey.select()}
    told = exchange_all(ward)
    assert f"sealed {3 * len(families)} names and addresses anew" in told  # address, child, guardian
    after = files(ward.config.secrets_dir)
    assert set(after) == {*before, "audit/former.keys"}
    assert {name for name in before if after[name] == before[name]} <= {"mail/dkim.json"}
    assert not public & {bytes(row.public) for row in SchoolKey.select()}
    assert [listed(ward, school.id) for school in (ward.school, ward.other)] == seen
    assert Audit.select().where(Audit.act == "secrets.exchanged").count() == 1


def test_who_has_the_old_keys_opens_nothing_that_is_there_now(
    ward: Ward, families: list[Registration], tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen"
    shutil.copytree(ward.config.secrets_dir, stolen)
    thief_knew = keystore.Remembered()
    exchange_all(ward)
    for store in (keystore.DatabaseKeyStore(), thief_knew):
        thief = Keyring.load(Zone.ADMIN, stolen, store)
        for row in Child.select(Child):
            slot = registrants._child_slot(row.school_id, row.id)
            with pytest.raises(KeyRefused):
                thief.open(slot, bytes(row.name_sealed))


def test_names_and_addresses_are_found_again(ward: Ward, families: list[Registration]) -> None:
    exchange_all(ward)
    again = ward.register("hana@docomo.ne.jp", "山田　hana", "母")  # the same child, the same phone
    assert again.address_id == families[0].address_id
    assert Child.select().count() == len(families)
    own = Address.get(Address.id == families[3].address_id)
    other = ward.register("chichi@yamada-ke.example", "山田 三郎", "父", ward.other_classes[0])
    assert Address.get(Address.id == other.address_id).site == own.site  # one receiver, one name for it


def test_a_child_that_nobody_has_recognised_stays_so(ward: Ward, families: list[Registration]) -> None:
    Child.update(unrecognised=True, name_index=os.urandom(16)).where(
        Child.id == families[0].child_id
    ).execute()
    exchange_all(ward)
    row = Child.get(Child.id == families[0].child_id)
    assert row.unrecognised


def test_a_link_that_waits_ends_and_an_empty_mail_makes_a_new_one(ward: Ward) -> None:
    made = ward.empty_mail("sakura@docomo.ne.jp")
    old = ward.link(made.registration_id)
    exchange_all(ward)
    with pytest.raises(TokenUnknown):
        ward.confirm(old, "佐倉 さくら", "佐倉 母")
    ward.confirm(ward.link(made.registration_id), "佐倉 さくら", "佐倉 母")  # as in a mail not yet written
    assert Registration.get_by_id(made.registration_id).state == "confirmed"


def test_a_private_policy_of_a_domain_is_found_again(ward: Ward) -> None:
    now = clock.now()
    kept = transport.Kept("yamada-ke.example", "version: STSv1", now, now.replace(year=now.year + 1))
    transport.keep_policy(ward.keyring(Zone.MAIL), kept, now)
    exchange_all(ward)
    assert transport.kept_policy(ward.keyring(Zone.MAIL), "yamada-ke.example", now) == kept


def test_a_code_of_an_app_still_counts_and_everybody_logs_in_again(ward: Ward) -> None:
    person(ward)
    secret, actor = one_time.fresh(), inside(ward.config)
    add_app(ward.config, actor, secret, pyotp.TOTP(secret).at(clock.now()))
    told = exchange_all(ward)
    assert "ask their people" in told
    assert StaffSession.select().where(StaffSession.ended_at.is_null()).count() == 0
    assert Factor.select().count() == 1
    _, who = login(ward.config)
    factor = Factor.get()
    assert one_time._secret(keyring(ward.config), factor) == secret
    assert who.account_id == actor.account_id


def test_who_still_works_is_named_and_nothing_happens(ward: Ward, families: list[Registration]) -> None:
    if db.engine() != "postgresql":
        pytest.skip("a file does not know who has it open")
    before = files(ward.config.secrets_dir)
    url = ward.config.database.url
    with psycopg.connect(url, application_name="karamail") as zone:
        result = exchanged(ward)
        zone.rollback()
    assert result.exit_code != 0
    assert "still at work in the database" in result.output
    assert {
        name: kept for name, kept in files(ward.config.secrets_dir).items() if "next" not in name
    } == before


def test_a_run_that_stopped_between_database_and_files_is_finished_by_the_next(
    ward: Ward, families: list[Registration], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = listed(ward, ward.school.id)
    with monkeypatch.context() as broken:
        broken.setattr(exchange, "_take", power_cut)
        assert exchanged(ward).exit_code != 0
    with pytest.raises(KeyRefused):
        listed(ward, ward.school.id)
    assert "in place now" in exchange_all(ward)
    assert listed(ward, ward.school.id) == seen


def test_a_run_that_stopped_in_the_database_has_changed_nothing(
    ward: Ward, families: list[Registration], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, before = listed(ward, ward.school.id), files(ward.config.secrets_dir)
    with monkeypatch.context() as broken:
        broken.setattr(exchange, "_renew_links", power_cut)
        assert exchanged(ward).exit_code != 0
    assert listed(ward, ward.school.id) == seen
    assert before.items() <= files(ward.config.secrets_dir).items()


def power_cut(*_: object) -> None:
    raise OSError("power cut")


def test_a_destroyed_key_does_not_come_back(ward: Ward) -> None:
    destroyed = SchoolKey.get(SchoolKey.school_id == ward.other.id, SchoolKey.purpose == "names")
    WrappedKey.delete().where(WrappedKey.school_key == destroyed).execute()
    destroyed.delete_instance()
    exchange_all(ward)
    assert (
        not SchoolKey.select()
        .where(SchoolKey.school_id == ward.other.id, SchoolKey.purpose == "names")
        .exists()
    )


def test_no_sealed_column_is_forgotten() -> None:
    sealed = {(table, field.name) for table in ALL for field in table._meta.sorted_fields
              if isinstance(field, SealedField)}  # fmt: skip
    anew = {(column.table, column.name) for column in exchange.COLUMNS}
    assert sealed == anew | {(WrappedKey, "wrapped"), (Prepared, "signed")}
