"""A guardian writes again in the very moment in which the old traces are erased: nothing may be lost.

On PostgreSQL, where two connections are at work at once; SQLite has one writer.
"""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance import clock, db, withdrawal
from appliance.config import Config
from appliance.models import Address, Delivery, Registration
from appliance.registration import upkeep
from tests.flows.ward import Ward, found
from tests.support.settings import settings
from tests.support.waiting import until

pytestmark = pytest.mark.postgres
SATO = "sato@ezweb.ne.jp"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Erase = Callable[[], object]


def _erase_left() -> object:
    return withdrawal.erase_left()


def _forget_unconfirmed() -> object:
    return upkeep._forget_some(clock.now())


@pytest.fixture
def ward(postgres_url: str, tmp_path: Path, secrets: Path) -> Ward:
    config: Config = settings(tmp_path, postgres_url, secrets=secrets)
    db.connect(config)
    return found(config)


@pytest.fixture(params=[_erase_left, _forget_unconfirmed])
def erase(ward: Ward, request: pytest.FixtureRequest) -> Erase:
    """佐藤 once asked, let the link expire, and left an address that may be erased."""
    ward.empty_mail(SATO)
    Registration.update(state="expired", requested_at=LONG_AGO).execute()
    Delivery.update(state="accepted", created_at=LONG_AGO).execute()
    Address.update(left_at=clock.now(), created_at=LONG_AGO).execute()
    found_erase: Erase = request.param
    return found_erase


def _beside(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            db.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _sealed_address_of(registration_id: int | None) -> bytes:
    rows = Address.select(Address.sealed).join(Registration).where(Registration.id == registration_id)
    return bytes(rows.tuples().get()[0])


def test_an_address_that_an_empty_mail_has_just_taken_is_not_erased(ward: Ward, erase: Erase) -> None:
    with db.transaction():
        made = ward.empty_mail(SATO, digest=os.urandom(32))
        eraser = _beside(erase)
        eraser.join(timeout=10)
        waited = eraser.is_alive()
    eraser.join()
    assert not waited, "erasing must pass over what is in use, not stand behind it"
    assert _sealed_address_of(made.registration_id) != b""


def test_an_empty_mail_to_an_address_just_being_erased_makes_it_anew(ward: Ward, erase: Erase) -> None:
    made: list[int | None] = []
    with db.transaction():
        erase()
        writer = _beside(lambda: made.append(ward.empty_mail(SATO, digest=os.urandom(32)).registration_id))
        until(_somebody_waits_for_a_row, why="the empty mail waits for the eraser's commit")
    writer.join(timeout=10)
    assert _sealed_address_of(made[0]) != b""


def _somebody_waits_for_a_row() -> bool:
    return bool(db.statement("SELECT COUNT(*) FROM pg_locks WHERE NOT granted").fetchone()[0])
