"""The operation record as evidence: who tampers is found, who writes late is not lost; on both databases."""

import threading
import time
from datetime import timedelta

import pytest
import time_machine

from appliance import audit, clock, db
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import TreeBroken
from appliance.models import Audit, AuditCheckpoint, AuditLeaf, AuditNode
from appliance.record import leaf, merkle, note, seal, tree, trust, verify
from tests.support.waiting import until

SENSEI = Actor(7, Role.STAFF, frozenset({1}), Zone.ADMIN, network="192.0.2.0/24", session_id=3)


def act(count: int = 1) -> None:
    """A teacher opens so many registrants."""
    for number in range(count):
        with db.transaction():
            audit.record(SENSEI, audit.Act.REGISTRATION_OPENED, "registration", number, school_id=1)


def sealed(config: Config, **how: bool) -> int:
    return seal.seal(config, trust.sealer(config), clock.now(), **how)


def lines() -> list[bytes]:
    """Every record in the order of its place, as it stands now."""
    columns = ", ".join(f"audit.{name}" for name in leaf.COLUMNS)
    rows = db.statement(
        f"SELECT {columns} FROM audit_leaf JOIN audit ON audit.id = audit_leaf.audit_id ORDER BY position"
    )
    return [leaf.line(row) for row in rows.fetchall()]


def test_every_record_gets_a_place_and_the_root_is_that_of_their_lines(database: Config) -> None:
    assert sealed(database) == 0
    for many in (1, 2, 300, 5, 600):
        act(many)
        assert sealed(database) == many
    found, signed = note.read(
        AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).get().note, trust.trusted(database)
    )
    assert (found.size, signed) == (908, ["touroku.midori.example/karamail"])
    assert found.root == merkle.root_of(merkle.leaf_hash(line) for line in lines())
    proof = merkle.consistency_proof(tree.nodes, 303, 908)
    assert merkle.is_consistent(303, tree.root(303), 908, found.root, proof)


def test_a_record_committed_late_with_a_lower_id_is_not_lost(database: Config) -> None:
    """Two writers: the first takes its id, thinks for long, and commits after the other was sealed."""
    act()
    with db.transaction():
        if db.engine() == "postgresql":
            db.statement("SELECT nextval(pg_get_serial_sequence('audit', 'id'))")
            late = Audit.select().order_by(Audit.id.desc()).get().id + 1
        else:
            late = Audit.select().get().id + 1
    act() if db.engine() == "postgresql" else Audit.insert(
        **{**Audit.select().dicts().get(), "id": late + 1}
    ).execute()
    assert sealed(database) == 2
    with db.transaction():
        Audit.insert(**{**Audit.select().dicts().get(), "id": late}).execute()
    assert sealed(database) == 1
    assert [row.audit_id for row in AuditLeaf.select().order_by(AuditLeaf.position)][-1] == late


def test_a_record_that_came_very_late_is_found_by_the_daily_look_at_everything(database: Config) -> None:
    act()
    row = Audit.select().dicts().get()
    Audit.update(id=row["id"] + 10).execute()
    assert sealed(database) == 1
    AuditCheckpoint.update(at=clock.now() - 2 * seal.LOOK_BACK).execute()
    Audit.insert(**row).execute()
    assert sealed(database) == 0
    assert sealed(database, everywhere=True) == 1


def test_a_sealer_leaves_it_to_another_node_that_has_just_sealed(database: Config) -> None:
    """Three nodes run one each: checkpoints come once per interval, and go on when a node is gone."""
    act()
    assert sealed(database) == 1
    act()
    one_round(database)
    assert AuditCheckpoint.select().count() == 1
    AuditCheckpoint.update(at=clock.now() - timedelta(seconds=database.audit.seal_every_s)).execute()
    one_round(database)
    assert AuditCheckpoint.select().count() == 2


def test_a_clock_that_was_ahead_once_stops_no_sealing(database: Config) -> None:
    """A checkpoint of the day after tomorrow: the next one is not waited for until then."""
    with time_machine.travel(clock.now() + timedelta(days=2), tick=True):
        act()
        sealed(database)
    act()
    one_round(database)
    assert AuditCheckpoint.select().count() == 2


def one_round(config: Config) -> None:
    """The unit runs until it would wait."""
    told = iter((False, True, True))
    seal.keep_sealing(config, trust.sealer(config), lambda: next(told))


@pytest.mark.postgres
def test_three_writers_and_a_sealer_at_once_lose_nothing(database: Config) -> None:
    """Each writer's transactions overlap with the others' and end in any order; one of them late."""
    stop, faults, each = threading.Event(), [], 120
    begun, overtaken = threading.Event(), threading.Event()
    slow = db.engine() == "postgresql"  # SQLite lets nobody else write meanwhile

    def linger() -> None:
        try:
            with db.transaction():
                audit.record(SENSEI, audit.Act.CHILD_MOVED, "child", 9000)
                begun.set()
                assert overtaken.wait(60), "nobody was ahead"
            db.close()
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    def write(number: int) -> None:
        try:
            for turn in range(each):
                with db.transaction():
                    audit.record(SENSEI, audit.Act.CHILD_MOVED, "child", number * 1000 + turn)
                    time.sleep(0.001 * ((number + turn) % 4))  # holds its id open while others commit
            db.close()
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    def keep() -> None:
        try:
            while not stop.is_set():
                sealed(database)
            db.close()
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    sealers = [threading.Thread(target=keep) for _ in range(2)]
    last = threading.Thread(target=linger)
    if slow:
        last.start()
        assert begun.wait(10)
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    until(lambda: AuditLeaf.select().exists(), why="a sealer has been at work")
    overtaken.set()
    if slow:
        last.join()
    stop.set()
    for thread in sealers:
        thread.join()
    assert faults == []
    sealed(database)
    size = 3 * each + slow
    assert AuditLeaf.select().count() == Audit.select().count() == size
    assert [row.position for row in AuditLeaf.select().order_by(AuditLeaf.position)] == list(range(size))
    assert tree.root(size) == merkle.root_of(merkle.leaf_hash(line) for line in lines())
    ids = [row.audit_id for row in AuditLeaf.select().order_by(AuditLeaf.position)]
    if slow:
        assert ids.index(min(ids)) > 0, "nobody was sealed before the first to begin"


def test_the_sealer_does_not_sign_over_a_break(database: Config) -> None:
    act(5)
    sealed(database)
    AuditLeaf.delete().where(AuditLeaf.position == 4).execute()
    act()
    with pytest.raises(TreeBroken):
        sealed(database)


def test_the_sealer_says_that_something_stands_in_its_way(database: Config) -> None:
    """It takes nobody for another sealer that was quicker."""
    AuditNode.create(level=8, position=0, hash=b"")
    act(300)
    with pytest.raises(TreeBroken, match="a place is taken"):
        sealed(database)


def test_a_round_holds_no_more_than_fits_into_memory_and_the_rest_comes_at_once(
    database: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "ROUND_CHARACTERS", 100)
    act(9)
    Audit.update(detail="x" * 5000).where(Audit.id == 5).execute()
    rounds = []
    for _ in range(9):
        rounds.append(seal.one_round(database, trust.sealer(database), clock.now()))
        if not rounds[-1][0]:
            break
    assert sum(count for count, _ in rounds) == 9
    assert all(full for count, full in rounds[:-2])
    assert len(rounds) > 4
    assert rounds[-1] == (0, False)


def test_a_backlog_of_large_records_is_not_taken_for_dated_back(
    database: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "ROUND_CHARACTERS", 100)
    with time_machine.travel(clock.now() - timedelta(days=400), tick=True):
        act(9)
    while sealed(database):
        pass
    assert AuditCheckpoint.select().count() > 2
    assert verify.verify(database).difference is None
