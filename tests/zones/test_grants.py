"""The table of grants itself: complete, applied as written, and nothing beside it."""

import pytest

from appliance import db, grants
from appliance.config import Config, Keeper, Zone
from appliance.grants import BARE, GRANTS
from appliance.grants.apply import columns
from appliance.models import ALL
from appliance.models.fields import SealedField

pytestmark = pytest.mark.postgres

SEALED = {
    model.table_name(): {
        field.column_name for field in model._meta.sorted_fields if isinstance(field, SealedField)
    }
    for model in ALL
}


def test_every_table_stands_in_the_table_of_grants(database: Config) -> None:
    rows = db.statement("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert {row[0] for row in rows} == GRANTS.keys() | {BARE}, "add the table to appliance/grants/table.py"


def test_a_migrated_database_is_as_the_table_says(database: Config) -> None:
    assert grants.differences(database) == []


def test_granting_again_changes_nothing(database: Config) -> None:
    grants.apply(database)
    assert grants.differences(database) == []


def test_sealed_values_are_read_only_by_zones_that_open_them() -> None:
    readers = {
        f"{table}.{column}": {
            zone.value
            for zone, rights in GRANTS[table].items()
            if column in columns(table, rights.select, "SELECT")
        }
        for table, sealed in SEALED.items()
        for column in sealed
    }
    assert readers == {
        "child.name_sealed": {"admin"},
        "registration.guardian_name_sealed": {"admin"},
        "inquiry.sealed": {"admin"},
        "address.sealed": {"admin", "mail"},
        "wrapped_key.wrapped": {"admin", "mail"},
        "prepared.signed": {"mail"},
        "mta_sts_policy.sealed": {"mail"},
        "tls_tally.sealed": {"mail"},
    }


@pytest.mark.parametrize("holder", [*Zone, *Keeper])
def test_the_record_is_append_only_for_everybody(holder: Zone | Keeper) -> None:
    rights = GRANTS["audit"].get(holder)
    assert rights is None or (rights.update, rights.delete) == ("none", False)


def test_nobody_may_write_keys() -> None:
    for table in ("zone_key", "school_key", "wrapped_key"):
        for rights in GRANTS[table].values():
            assert (rights.insert, rights.update, rights.delete) == ("none", "none", False)


def test_keepers_of_the_record_see_nothing_but_the_record_and_no_zone_writes_its_tree() -> None:
    keepers = (Keeper.SEALER, Keeper.WITNESS)
    tree = {"audit_leaf", "audit_node", "audit_checkpoint", "audit_cosignature"}
    reached = {keeper: {table for table, rights in GRANTS.items() if keeper in rights} for keeper in keepers}
    assert reached == {Keeper.SEALER: tree - {"audit_cosignature"} | {"audit"}, Keeper.WITNESS: tree}
    for table in tree:
        writers = {holder for holder, rights in GRANTS[table].items() if rights.insert != "none"}
        assert writers <= set(keepers)
        assert all((rights.update, rights.delete) == ("none", False) for rights in GRANTS[table].values())
