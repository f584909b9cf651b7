"""`karamail doctor` on the database and its queue, on SQLite and on PostgreSQL."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from appliance import clock, db
from appliance.config import Config
from appliance.models import Delivery
from tests.cli.conftest import Karamail, faults, findings
from tests.flows.ward import found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


def test_a_database_in_order(node: Path, karamail: Karamail) -> None:
    assert faults(karamail, "database") == []
    assert faults(karamail, "queue") == []
    assert not any("away from the database" in row["what"] for row in findings(karamail, "clock"))


def test_a_database_that_lacks_a_migration(node: Path, karamail: Karamail) -> None:
    db.statement("DELETE FROM schema_migration WHERE name = ?", "0008_routine_off")
    ((status, what),) = faults(karamail, "database")
    assert status == "broken"
    assert "karamail db migrate" in what


def test_a_zone_key_that_the_database_does_not_know(node: Path, config: Config, karamail: Karamail) -> None:
    shutil.copy(config.secrets_dir / "mail" / "links.key", config.secrets_dir / "mail" / "zone.key")
    ((status, what),) = faults(karamail, "database")
    assert status == "broken"
    assert "is not the key that it is wrapped to" in what


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("GRANT SELECT ON child TO karamail_sender", "role karamail_sender may SELECT child(name_sealed)"),
        ("REVOKE UPDATE ON broadcast FROM karamail_mail", "role karamail_mail lacks UPDATE broadcast("),
        ("GRANT DELETE ON audit TO karamail_admin", "role karamail_admin may DELETE audit and should not"),
        ("GRANT SELECT ON account TO PUBLIC", "may SELECT account("),
        ("ALTER TABLE staff_session DISABLE ROW LEVEL SECURITY", "row security is off on staff_session"),
        ("DROP POLICY sender_insert ON audit", "policy sender_insert on audit is missing"),
        ("ALTER POLICY sender_insert ON audit WITH CHECK (true)", "policy sender_insert on audit is not"),
    ],
)
def test_rights_that_somebody_changed_by_hand(node: Path, karamail: Karamail, deed: str, said: str) -> None:
    db.statement(deed)
    found = faults(karamail, "database")
    assert {status for status, _ in found} == {"broken"}
    assert any(said in what for _, what in found), found
    assert karamail("db", "grant").exit_code == 0
    assert faults(karamail, "database") == []


def test_urgent_mail_that_nobody_takes(node: Path, config: Config, karamail: Karamail) -> None:
    found(config).broadcast_to(3)
    assert faults(karamail, "queue") == []
    Delivery.update(next_at=clock.now() - timedelta(minutes=9)).execute()
    ((status, what),) = faults(karamail, "queue")
    assert (status, what) == ("broken", "urgent mail is overdue for 9 minutes")


def test_routine_mail_may_take_its_time(node: Path, config: Config, karamail: Karamail) -> None:
    found(config).broadcast_to(3, urgent=False)
    Delivery.update(next_at=clock.now() - timedelta(minutes=90)).execute()
    assert faults(karamail, "queue") == []


def test_mail_in_the_hands_of_silent_workers(node: Path, config: Config, karamail: Karamail) -> None:
    found(config).broadcast_to(3)
    Delivery.update(
        state="sending", claim_token=1, claimed_by="w", lease_until=clock.now() - timedelta(minutes=5)
    ).execute()
    ((status, what),) = faults(karamail, "queue")
    assert (status, what[:17]) == ("broken", "3 deliveries are ")


def test_a_database_that_does_not_answer(node: Path, karamail: Karamail) -> None:
    db.vanish()
    text = node.read_text()
    url = text.partition('url = "')[2].partition('"')[0]
    node.write_text(text.replace(url, "postgresql://karamail@127.0.0.1:1/karamail"))
    ((status, what),) = faults(karamail, "database")
    assert (status, what) == ("broken", "no answer from postgresql://karamail@127.0.0.1:1/karamail")
