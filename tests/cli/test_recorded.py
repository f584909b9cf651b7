"""What the vendor does at a node's command line stands in the operation record (R19)."""

import json

import pytest

from appliance import audit, keystore, security_code
from appliance.audit import Act
from appliance.config import Config
from appliance.directory import schools
from appliance.errors import DatabaseUnavailable
from appliance.keys import signing
from appliance.models import Audit
from tests.cli.conftest import Karamail


def recorded() -> list[tuple[str, str, int | None, dict[str, int]]]:
    rows = Audit.select().where(Audit.zone == "cli", Audit.role == "operator").order_by(Audit.id)
    return [(row.act, row.object_kind, row.object_id, json.loads(row.detail)) for row in rows]


def test_missing_secrets_are_made_once_and_recorded_once(database: Config, karamail: Karamail) -> None:
    (database.secrets_dir / "sender" / "cookie").unlink()
    for said in ("created", "nothing to create"):
        assert said in karamail("keys", "create").output
    assert [(act, kind) for act, kind, _, _ in recorded()] == [(Act.SECRETS_CREATED, "secrets")]


def test_a_code_under_attack_is_paused_and_resumed(database: Config, karamail: Karamail) -> None:
    keystore.publish_zone_keys(database.secrets_dir)
    school = schools.add_school("elementary", "みどり小学校", "Midori Elementary School")
    code = security_code.renew(school)
    for words in (
        ("pause", code.code.upper(), "--minutes", "5"),
        ("resume", code.code),
        ("resume", code.code),
    ):
        assert karamail("code", *words).exit_code == 0
    assert recorded() == [
        (Act.CODE_PAUSED, "security_code", code.id, {"minutes": 5}),
        (Act.CODE_RESUMED, "security_code", code.id, {}),
    ]
    assert {row.school_id for row in Audit.select()} == {school.id}


def test_new_signing_keys_stand_there_by_their_number_only(database: Config, karamail: Karamail) -> None:
    assert karamail("dkim", "new").exit_code == 0
    assert karamail("dkim", "activate", "--unseen").exit_code == 0
    assert recorded() == [
        (Act.SIGNING_KEYS_MADE, "signing_keys", None, {"keys": 2}),
        (Act.SIGNING_KEYS_ACTIVATED, "signing_keys", None, {"keys": 2}),
    ]


def test_keys_that_cannot_be_recorded_are_not_made(
    database: Config, karamail: Karamail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_words: object, **_detail: object) -> None:
        raise DatabaseUnavailable("the database did not answer")

    monkeypatch.setattr(audit, "record_operation", gone)
    before = signing.read(database.secrets_dir / "mail")
    assert karamail("dkim", "new").exit_code != 0
    assert signing.read(database.secrets_dir / "mail") == before
