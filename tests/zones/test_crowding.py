"""Whoever has taken over a zone takes all that PostgreSQL gives him, and keeps it; the others work on."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event

import psycopg
import pytest

from appliance import db, grants, holdup
from appliance.config import Config, Keeper, Zone
from appliance.models import Broadcast
from tests.web.staff.ward import Clerk, Ward, write
from tests.zones.conftest import Intruder
from web.admin.app import create_app

pytestmark = pytest.mark.postgres

Enter = Callable[[Zone], Intruder]
PATIENCE_S = 0.5


def test_a_zone_does_not_take_all_connections(ward: Ward, intruder: Enter) -> None:
    """Its share is full; the principal logs in, and the mail zone connects."""
    for _ in range(grants.connections(Zone.GUARDIAN)):
        intruder(Zone.GUARDIAN)
    with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
        intruder(Zone.GUARDIAN)
    clerk = Clerk(create_app(ward.config))
    clerk.login("kocho")
    assert clerk.status == 200
    assert intruder(Zone.MAIL).run("SELECT 1") == [(1,)]


def test_the_shares_leave_room_for_operators() -> None:
    """In a rack of three, with 200 connections and what PostgreSQL keeps for itself."""
    most = 200
    given = sum(int(most * share) for share in grants.SHARES.values()) + 5 * len(Keeper)
    assert given <= most - 15


def test_what_a_role_sets_for_itself_is_named(ward: Ward, intruder: Enter) -> None:
    """`karamail db grant` takes it back."""
    name = grants.role_name(ward.config, Zone.GUARDIAN)
    intruder(Zone.GUARDIAN).run(f"ALTER ROLE {name} SET default_transaction_read_only = on")
    try:
        assert grants.differences(ward.config) == [
            f"role {name} has settings of its own (pg_db_role_setting)"
        ]
    finally:
        db.statement(f"ALTER ROLE {name} RESET ALL")
    assert grants.differences(ward.config) == []


def _look(config: Config, told: Event) -> None:
    """As the watch of a node does, but oftener."""
    db.connect(config, Keeper.WATCH)
    while not told.wait(0.1):
        holdup.end(config, patience_s=PATIENCE_S)


@pytest.fixture
def watch(ward: Ward) -> Iterator[None]:
    """Another process, with the watch's own role."""
    spawned = multiprocessing.get_context("spawn")
    told = spawned.Event()
    process = spawned.Process(target=_look, args=(ward.config, told))
    process.start()
    yield
    told.set()
    process.join(20)
    assert process.exitcode == 0


def test_the_principal_logs_in_though_another_zone_has_locked_the_table(
    ward: Ward, intruder: Enter, watch: None
) -> None:
    him = intruder(Zone.SENDER)
    him.run("SET idle_in_transaction_session_timeout = 0")
    him.run("BEGIN")
    him.run("LOCK TABLE login_failure IN ACCESS EXCLUSIVE MODE")
    clerk = Clerk(create_app(ward.config))
    clerk.login("kocho")
    assert clerk.status == 200
    with pytest.raises(psycopg.OperationalError):
        him.run("SELECT 1")


def test_an_urgent_mail_goes_though_the_guardian_form_holds_its_recipients(
    ward: Ward, intruder: Enter, watch: None
) -> None:
    clerk = Clerk(create_app(ward.config))
    clerk.login("kocho")
    number = write(clerk, urgent=True)
    him = intruder(Zone.GUARDIAN)
    him.run("SET idle_in_transaction_session_timeout = 0")
    him.run("BEGIN")
    him.run("SELECT id FROM address FOR UPDATE")
    clerk.send(typed=clerk.page.partition('name="shown" value="')[2].partition('"')[0])
    assert Broadcast.get_by_id(number).state == "sending"


def test_who_keeps_only_his_own_zone_waiting_is_let_be(ward: Ward, intruder: Enter, watch: None) -> None:
    first, second = intruder(Zone.SENDER), intruder(Zone.SENDER)
    first.run("BEGIN")
    first.run("LOCK TABLE login_failure IN ACCESS EXCLUSIVE MODE")
    second.run("SET lock_timeout = '2s'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        second.run("SELECT * FROM login_failure")
    assert first.run("SELECT 1") == [(1,)]


def test_an_operator_is_never_ended(ward: Ward, intruder: Enter, watch: None) -> None:
    """A migration locks what it changes, for as long as that takes."""
    zone = intruder(Zone.SENDER)
    zone.run("SET lock_timeout = '2s'")
    with db.transaction():
        db.statement("LOCK TABLE login_failure IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            zone.run("SELECT * FROM login_failure")
        assert db.statement("SELECT 1").fetchone() == (1,)
