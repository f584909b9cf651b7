"""Whoever has taken over a zone writes rows that no program of ours writes; the others work on.

What the zone's role may not write is refused by PostgreSQL; what it may is read without a fault.
"""

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from appliance import account, audit, clock, delivery, notice
from appliance.account import throttle
from appliance.config import Zone
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.models import (
    Account,
    Address,
    Audit,
    Broadcast,
    Challenge,
    Delivery,
    NoticeAddress,
    Registration,
    StaffSession,
)
from appliance.models.fields import micros
from appliance.record import seal, trust, verify
from appliance.record.verify import Kind
from tests.web.staff.ward import PASSWORD, Clerk, Ward, write
from tests.zones.conftest import Intruder
from web.admin.app import create_app

pytestmark = pytest.mark.postgres

Enter = Callable[[Zone], Intruder]
NEVER = 2**63 - 1
"""Microseconds: a moment that no calendar has."""

LETTER = {
    "kind": "welcome", "site": "other", "lane": 1, "turn": 1, "state": "queued", "attempts": 0, "next_at": 0,
    "expires_at": 4_102_444_800_000_000, "about": "", "code": 0, "enhanced": "", "reason": "",
    "uncertain": False, "created_at": 1_800_000_000_000_000,
}  # fmt: skip
"""What the guardian form may queue."""


def insert(him: Intruder, table: str, row: dict[str, object]) -> None:
    him.run(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
        *row.values(),
    )


def letter(**other: object) -> dict[str, object]:
    to = Address.select(Address.id, Address.school_id).get()
    return LETTER | {"address_id": to.id, "school_id": to.school_id} | other


def alarm(ward: Ward) -> list[Delivery]:
    """The principal's urgent mail to the school, in the queue."""
    staff = Clerk(create_app(ward.config))
    staff.login("kocho")
    written = write(staff, urgent=True)
    staff.send(typed=staff.page.partition('name="shown" value="')[2].partition('"')[0])
    return list(Delivery.select().where(Delivery.broadcast == written))


def test_the_guardian_form_queues_its_letters(ward: Ward, intruder: Enter) -> None:
    insert(intruder(Zone.GUARDIAN), "delivery", letter())


@pytest.mark.parametrize(
    "other",
    [
        {"school_id": 999_999},
        {"attempts": 2**31 - 1},
        {"lane": 0},
        {"turn": -(2**63)},
        {"turn": NEVER},
        {"state": "accepted"},
        {"about": "x"},
        {"id": 4711},
    ],
    ids=str,
)
def test_what_would_stand_in_the_way_of_all_mail_it_does_not(
    ward: Ward, intruder: Enter, other: dict[str, object]
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        insert(intruder(Zone.GUARDIAN), "delivery", letter(**other))


def test_a_letter_that_never_ends_is_claimed_as_any_other(ward: Ward, intruder: Enter) -> None:
    insert(intruder(Zone.GUARDIAN), "delivery", letter(expires_at=NEVER, created_at=-NEVER))
    claims = delivery.claim("w", "other", limit=50, lease_s=60, now=clock.now())
    assert [each.expires_at.year for each in claims if each.turn == 1] == [2200]


def test_the_sender_site_takes_no_other_turn_and_no_try(ward: Ward, intruder: Enter) -> None:
    him = intruder(Zone.SENDER)
    mine = alarm(ward)[0].id
    for what in ("turn = -1", f"turn = {NEVER}", "attempts = 2147483647", "school_id = 999999"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            him.run(f"UPDATE delivery SET {what} WHERE id = %s", mine)


def test_a_notice_of_no_time_is_told_and_the_mail_goes_on(ward: Ward, intruder: Enter) -> None:
    principal = Account.get(Account.login_id == "kocho")
    NoticeAddress.create(account=principal, address=Address.get(), since=clock.now())
    notice.tell(ward.config, clock.now())
    him = intruder(Zone.SENDER)
    insert(him, "notice", {"account_id": principal.id, "what": "login.new_browser", "at": NEVER})
    assert notice.tell(ward.config, clock.now()) == 1


def test_nobody_is_kept_out_of_the_administration_site_by_the_other(ward: Ward, intruder: Enter) -> None:
    him = intruder(Zone.SENDER)
    failure = {"login_hash": throttle.login_hash("kocho"), "network": "192.0.2.1"}
    for at in (NEVER, clock.now().timestamp() * 1_000_000 // 1):
        for _try in range(ward.config.account.failures_per_account_per_quarter_hour + 1):
            insert(him, "login_failure", failure | {"zone": "sender", "at": int(at)})
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            insert(him, "login_failure", failure | {"zone": "admin", "at": int(at)})
    entered = account.login(
        ward.config, Zone.ADMIN, "kocho", PASSWORD, network="192.0.2.1", now=clock.now()
    )  # fmt: skip
    assert entered


RECORD = {
    "account_id": 1, "role": "principal", "zone": "sender", "network": "", "act": "login",
    "object_kind": "x", "result": "ok", "detail": "{}", "reason": "",
}  # fmt: skip


def forged(him: Intruder, at: int) -> None:
    insert(him, "audit", RECORD | {"at": at})


@pytest.mark.parametrize(("at", "wrong"), [(NEVER, Kind.AHEAD), (-NEVER, Kind.BACKDATED)])
def test_a_record_of_no_time_is_sealed_shown_and_named(
    ward: Ward, intruder: Enter, at: int, wrong: Kind
) -> None:
    signer = trust.sealer(ward.config)
    audit.record_operation(audit.Act.RIGHTS_GIVEN, "database", None)
    seal.seal(ward.config, signer, clock.now(), everywhere=True)
    forged(intruder(Zone.SENDER), at)
    assert seal.seal(ward.config, signer, clock.now(), everywhere=True)
    admin = Clerk(create_app(ward.config))
    admin.login("kutan")
    assert admin.open("/records").status_code == 200
    named = verify.verify(ward.config).difference
    assert named is not None
    assert named.kind is wrong


def test_a_record_dated_back_hides_no_deletion(ward: Ward, intruder: Enter) -> None:
    signer = trust.sealer(ward.config)
    audit.record_operation(audit.Act.RIGHTS_GIVEN, "database", None)
    seal.seal(ward.config, signer, clock.now(), everywhere=True)
    forged(intruder(Zone.SENDER), 0)
    audit.record_operation(audit.Act.RIGHTS_GIVEN, "database", None)
    seal.seal(ward.config, signer, clock.now(), everywhere=True)
    before = verify.verify(ward.config)
    assert before.difference is not None
    assert before.difference.kind is Kind.BACKDATED
    last = Audit.select().order_by(Audit.id.desc()).get().id
    Audit.delete().where(Audit.id == last).execute()
    after = verify.verify(ward.config)
    assert after.difference is not None
    assert after.difference.kind is Kind.DELETED
    assert after.beside[Kind.BACKDATED] == before.difference


@pytest.mark.parametrize(
    "other",
    [
        {"detail": "x" * 8001},
        {"reason": "x" * 2001},
        {"role": "x" * 201},
        {"network": "x" * 201},
        {"act": "x" * 201},
        {"object_kind": "x" * 201},
        {"result": "あ" * 67},
    ],
    ids=lambda other: next(iter(other)),
)
def test_no_site_writes_a_record_that_is_larger_than_any_of_ours(
    ward: Ward, intruder: Enter, other: dict[str, object]
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        insert(intruder(Zone.SENDER), "audit", RECORD | {"at": 0} | other)


LOCKED = ("audit", "audit_leaf", "audit_node", "audit_checkpoint")
LOCKS = (
    "SELECT pg_advisory_xact_lock(30224966597306732)",  # the number that sealers took once
    *(f"LOCK TABLE {table} IN {mode} MODE" for table in LOCKED for mode in ("ACCESS EXCLUSIVE", "SHARE")),
    *(f"SELECT 1 FROM {table} FOR UPDATE" for table in LOCKED),
)


@pytest.mark.parametrize("zone", list(Zone))
def test_nobody_holds_the_sealer_up_by_locks(ward: Ward, intruder: Enter, zone: Zone) -> None:
    """He tries all of them, and keeps what he gets until the end."""
    audit.record_operation(audit.Act.RIGHTS_GIVEN, "database", None)
    him = intruder(zone)
    him.run("BEGIN")
    for lock in LOCKS:
        him.run("SAVEPOINT before")
        try:
            him.run(lock)
        except psycopg.errors.InsufficientPrivilege:
            him.run("ROLLBACK TO before")
    assert seal.seal(ward.config, trust.sealer(ward.config), clock.now(), everywhere=True)
    him.run("ROLLBACK")


@pytest.mark.parametrize(
    "page", ["/schools/{school}/registrants", "/registrants/{row}", "/registrants/{row}/remove"]
)
def test_a_name_that_nobody_can_read_closes_no_page(ward: Ward, intruder: Enter, page: str) -> None:
    row = registered_with_garbage(ward, intruder)
    staff = Clerk(create_app(ward.config))
    staff.login("kocho")
    assert staff.open(page.format(school=ward.school.id, row=row)).status_code == 200
    assert "〓〓〓" in staff.page


def test_nor_a_call_sheet_and_it_can_be_removed(ward: Ward, intruder: Enter) -> None:
    row = registered_with_garbage(ward, intruder)
    staff = Clerk(create_app(ward.config))
    staff.login("kocho")
    written = write(staff, urgent=True)
    assert staff.open(f"/broadcasts/{written}/call-sheet").status_code in (200, 404)
    staff.open(f"/registrants/{row}/remove")
    staff.send()
    assert staff.status == 200
    assert "〓〓〓" not in staff.open(f"/schools/{ward.school.id}/registrants").text


def registered_with_garbage(ward: Ward, intruder: Enter) -> int:
    row: int = ward.ask("mallory@example.jp")
    him = intruder(Zone.GUARDIAN)
    ((child,),) = him.run("SELECT id FROM child WHERE school_id = %s LIMIT 1", ward.school.id)
    him.run(
        "UPDATE registration SET state = 'confirmed', child_id = %s, guardian_name_sealed = 'garbage',"
        " confirmed_at = %s WHERE id = %s",
        child, NEVER, row,
    )  # fmt: skip
    return row


def test_the_guardian_form_takes_nobody_off_the_call_sheet(ward: Ward, intruder: Enter) -> None:
    """It may note that the link of a test was pressed; an alarm has none."""
    him, one = intruder(Zone.GUARDIAN), alarm(ward)[0]
    note = "INSERT INTO confirmation (delivery_id, at, how) VALUES (%s, 1, %s)"
    assert not him.may(note, one.id, "link")
    Broadcast.update(category="test").where(Broadcast.id == one.broadcast_id).execute()
    assert him.may(note, one.id, "link")
    assert not him.may(note, one.id, "reply")


def test_the_guardian_form_mixes_no_schools(ward: Ward, intruder: Enter) -> None:
    """Who asked at one school gets no child of another; no child comes into another school's class."""
    him = intruder(Zone.GUARDIAN)
    row = ward.ask("mallory@example.jp")
    ((child,),) = him.run("SELECT id FROM child WHERE school_id = %s LIMIT 1", ward.other.id)
    assert not him.may("UPDATE registration SET state = 'confirmed', child_id = %s WHERE id = %s", child, row)
    born = (
        "INSERT INTO child"
        " (id, school_id, school_class_id, name_sealed, name_index, unrecognised, created_at)"
        " VALUES (777, %s, %s, 'x', 'y', true, 1)"
    )
    assert him.may(born, ward.school.id, ward.classes[0].id)
    assert not him.may(born, ward.school.id, ward.other_classes[0].id)


@pytest.mark.parametrize("kind", [LetterKind.CHECKPOINT, LetterKind.OWN_LOGIN])
def test_the_send_only_site_silences_no_letter(ward: Ward, intruder: Enter, kind: LetterKind) -> None:
    letters.queue(kind, Address.get(), now=clock.now(), life=timedelta(days=1), about="x")
    assert intruder(Zone.SENDER).changes("UPDATE delivery SET state = 'suppressed'") == 0


def test_the_send_only_site_asks_and_forgets_nothing_for_another(ward: Ward, intruder: Enter) -> None:
    """What a passkey has to sign on the administration site."""
    staff = Clerk(create_app(ward.config))
    staff.login("kocho")
    session = StaffSession.select().order_by(StaffSession.id.desc()).get()
    Challenge.create(session=session, purpose="prove", octets=b"x", made_at=clock.now())
    him = intruder(Zone.SENDER)
    assert him.changes("DELETE FROM challenge") == 0
    asked = "INSERT INTO challenge (session_id, purpose, octets, made_at) VALUES (%s, 'prove', 'x', 0)"
    assert not him.may(asked, session.id)


def test_many_notices_of_one_kind_hide_no_other(ward: Ward, intruder: Enter) -> None:
    person = Account.get(Account.login_id == "kocho")
    NoticeAddress.create(account=person, address=Address.get(), since=clock.now())
    him = intruder(Zone.SENDER)
    for minute in range(30):
        at = micros(clock.now() - timedelta(minutes=minute))
        him.run(
            "INSERT INTO notice (account_id, what, at) VALUES (%s, 'login.new_browser', %s)", person.id, at
        )
    audit.tell(person.id, "factors.reset")
    notice.tell(ward.config, clock.now())
    assert "factors.reset" in Delivery.get(Delivery.kind == LetterKind.OWN_LOGIN).about


@pytest.mark.parametrize("audience", ["x", "{}", "[]", '{"school_class_ids": ["x"]}', "[" * 9000])
def test_an_audience_that_nobody_can_read_is_nobody(ward: Ward, intruder: Enter, audience: str) -> None:
    going = alarm(ward)[0].broadcast_id
    intruder(Zone.SENDER).run("UPDATE broadcast SET audience = %s WHERE id = %s", audience, going)
    staff = Clerk(create_app(ward.config))
    staff.login("kocho")
    assert staff.open(f"/broadcasts/{going}").status_code == 200


def test_words_that_nobody_knows_close_no_call_sheet(ward: Ward, intruder: Enter) -> None:
    one = alarm(ward)[0]
    intruder(Zone.MAIL).run(
        "UPDATE delivery SET state = 'failed', reason = 'x', settled_at = 1 WHERE id = %s", one.id
    )
    doubted = "UPDATE registration SET doubt = 'x', doubted_at = 1 WHERE address_id = %s"
    intruder(Zone.MAIL).run(doubted, one.address_id)
    row = Registration.get(Registration.address == one.address_id).id
    staff = Clerk(create_app(ward.config))
    staff.login("kocho")
    for page in (
        f"/broadcasts/{one.broadcast_id}/call-sheet",
        f"/registrants/{row}",
        f"/schools/{ward.school.id}/evidence",
    ):
        assert staff.open(page).status_code == 200, page
