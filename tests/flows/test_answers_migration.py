"""A town in use gets the tables for answers: what it holds stays, and the new kinds of letters go in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import IntegrityError
from playhouse.migrations import Runner

from appliance import clock, db, withdrawal
from appliance.config import Config
from appliance.delivery.letters import LetterKind
from appliance.models import Delivery
from appliance.models.base import database as proxy
from appliance.models.fields import micros
from tests.support.postgres import Cluster
from tests.support.settings import settings


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def in_use(request: pytest.FixtureRequest, tmp_path: Path, secrets: Path) -> Iterator[Config]:
    """A database of the first schema with one address that was left and one letter."""
    url = f"sqlite:///{tmp_path}/town.db"
    cluster: Cluster | None = None
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres")
        url = cluster.create(f"in_use_{tmp_path.name.lower()}"[:60])
    config = settings(tmp_path, url, secrets=secrets)
    db.connect(config)
    Runner(proxy.obj, str(db.MIGRATIONS)).up("0001_initial")
    now = micros(clock.now())
    db.statement(
        f"INSERT INTO school (kind, name, name_en, state, approval_required, created_at)"
        f" VALUES ('elementary', 'x', 'x', 'open', {db.false()}, ?)",
        now,
    )
    (school,) = db.statement("SELECT id FROM school").fetchone()
    db.statement("INSERT INTO address VALUES (7, ?, ?, ?, 'au', ?)", school, b"i" * 16, b"sealed", now)
    db.statement(
        "INSERT INTO registration (id, school_id, address_id, state, token_hash, requested_at, expires_at)"
        " VALUES (8, ?, 7, 'withdrawn', ?, ?, ?)",
        school, b"t", now, now,
    )  # fmt: skip
    db.statement(
        "INSERT INTO delivery (kind, school_id, registration_id, address_id, site, lane, state, attempts,"
        " next_at, expires_at, code, enhanced, reason, uncertain, created_at)"
        f" VALUES ('welcome', ?, 8, 7, 'au', 1, 'accepted', 1, ?, ?, 250, '', '', {db.false()}, ?)",
        school, now, now, now,
    )  # fmt: skip
    yield config
    db.vanish()


def test_what_is_there_stays_and_every_kind_of_letter_goes_in(in_use: Config) -> None:
    assert "0003_answers" in db.migrate()
    welcome = Delivery.get()
    assert (welcome.kind, welcome.about) == ("welcome", "")
    row = {name: value for name, value in welcome.__data__.items() if name != "id"}
    for kind in LetterKind:
        Delivery.create(**row | {"kind": kind})
    with pytest.raises(IntegrityError):
        Delivery.create(**row | {"kind": "advert"})


def test_an_address_that_was_left_before_is_erased_now(in_use: Config) -> None:
    db.migrate()
    assert withdrawal.erase_left() == 1
