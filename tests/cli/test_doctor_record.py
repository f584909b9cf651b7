"""`karamail doctor` on the operation record: who seals and who cosigns is at work, or it says so."""

from datetime import timedelta
from pathlib import Path

import pytest

from appliance import audit, clock, db
from appliance.config import Config
from appliance.models import Audit, AuditCheckpoint
from tests.cli.conftest import Karamail, faults, findings


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


def act(minutes_ago: int, count: int = 1) -> None:
    """So many acts, so long ago."""
    with db.transaction():
        for _ in range(count):
            audit.record_operation(audit.Act.RECORDS_EXPORTED, "record", None)
    newest = Audit.select(Audit.id).order_by(Audit.id.desc()).limit(count)
    Audit.update(at=clock.now() - timedelta(minutes=minutes_ago)).where(Audit.id.in_(newest)).execute()


def seal(karamail: Karamail, *, minutes_ago: int) -> None:
    """The sealer was at work so long ago. (What it signed says now; the age is told by the row.)"""
    assert karamail("audit", "seal", "--once").exit_code == 0
    newest = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).get().size
    AuditCheckpoint.update(at=clock.now() - timedelta(minutes=minutes_ago)).where(
        AuditCheckpoint.size == newest
    ).execute()


def said(karamail: Karamail) -> list[str]:
    return [row["what"] for row in findings(karamail, "record") if row["status"] == "ok"]


def test_a_record_that_nothing_stands_in_yet(node: Path, karamail: Karamail) -> None:
    assert faults(karamail, "record") == []
    assert said(karamail) == ["nothing has been recorded yet"]


def test_sealed_and_cosigned_in_time(node: Path, karamail: Karamail) -> None:
    act(5, count=3)
    seal(karamail, minutes_ago=4)
    assert karamail("audit", "witness", "--once").exit_code == 0
    assert faults(karamail, "record") == []
    assert said(karamail) == [
        "nothing waits to be sealed; the last checkpoint is 4 minutes old and speaks of 3 records",
        "cosigned by mx.midori.example/witness",
    ]


def test_a_quiet_night_is_no_fault(node: Path, karamail: Karamail) -> None:
    act(700)
    seal(karamail, minutes_ago=690)
    assert karamail("audit", "witness", "--once").exit_code == 0
    assert faults(karamail, "record") == []


@pytest.mark.parametrize(
    ("minutes", "status", "age"), [(9, None, ""), (30, "warning", "30 minutes"), (180, "broken", "3 hours")]
)
def test_a_sealer_that_stands_still(
    node: Path, karamail: Karamail, minutes: int, status: str | None, age: str
) -> None:
    act(400)
    seal(karamail, minutes_ago=390)
    assert karamail("audit", "witness", "--once").exit_code == 0
    act(minutes, count=2)
    found = faults(karamail, "record")
    if status is None:
        assert found == []
        return
    ((told, what),) = found
    assert told == status
    assert what == (
        f"2 records wait to be sealed, the first for {age}; "
        "the last checkpoint is 6 hours old and speaks of 1 records"
    )


def test_a_record_that_was_never_sealed(node: Path, karamail: Karamail) -> None:
    act(45)
    ((status, what),) = faults(karamail, "record")
    assert (status, what.partition("; ")[2]) == ("warning", "no checkpoint was ever signed")


def test_a_witness_that_stands_still(node: Path, karamail: Karamail) -> None:
    act(100)
    seal(karamail, minutes_ago=99)
    assert karamail("audit", "witness", "--once").exit_code == 0
    for minutes in (40, 20):
        act(minutes)
        seal(karamail, minutes_ago=minutes)
    ((status, what),) = faults(karamail, "record")
    assert status == "warning"
    assert what == "mx.midori.example/witness has not cosigned for 40 minutes (2 checkpoints)"
    assert karamail("audit", "witness", "--once").exit_code == 0
    assert faults(karamail, "record") == [], "it may pass over what was followed before it looked"


def test_a_witness_of_another_node_that_never_came(node: Path, config: Config, karamail: Karamail) -> None:
    own = karamail("audit", "keys").output.split()
    theirs = own[1].replace("mx.midori.example", "mx2.midori.example")
    node.write_text(node.read_text() + f"\n[audit]\nkeys = {[*own, _renamed(theirs)]!r}\n")
    act(30)
    seal(karamail, minutes_ago=30)
    assert karamail("audit", "witness", "--once").exit_code == 0
    found = faults(karamail, "record")
    assert found == [
        ("warning", "mx2.midori.example/witness has not cosigned for 30 minutes (1 checkpoints)")
    ]
    (row,) = [row for row in findings(karamail, "record") if row["status"] == "warning"]
    assert row["todo"].startswith("on mx2.midori.example: ")


def _renamed(line: str) -> str:
    """The key under that name: its id is a hash of both."""
    import base64

    from appliance.record.note import WITNESS, VerifierKey

    name, _, rest = line.partition("+")
    raw = base64.b64decode(rest.partition("+")[2])
    return VerifierKey(name, WITNESS, raw[1:]).text


def test_a_database_that_is_not_there(node: Path, karamail: Karamail) -> None:
    db.vanish()
    text = node.read_text()
    url = text.partition('url = "')[2].partition('"')[0]
    node.write_text(text.replace(url, "postgresql://karamail@127.0.0.1:1/karamail"))
    ((status, what),) = faults(karamail, "record")
    assert status == "broken"
    assert what.startswith("the operation record cannot be looked at: ")
