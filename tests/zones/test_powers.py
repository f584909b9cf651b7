"""Every zone against every purpose, by database and by keys: what it may, it can; what not, it cannot.

The intruder of each test has the zone's secrets and its login to a real PostgreSQL.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from appliance import clock, inquiry
from appliance.config import Zone
from appliance.errors import KeyRefused
from appliance.keys import Purpose, Slot, secrets
from appliance.models import Account, Address, Child, Inquiry, MtaStsPolicy, Registration, TlsTally
from appliance.models.fields import row_id
from tests.web.staff.ward import Ward
from tests.zones.conftest import Intruder

pytestmark = pytest.mark.postgres

Enter = Callable[[Zone], Intruder]
G, S, A, M = Zone.GUARDIAN, Zone.SENDER, Zone.ADMIN, Zone.MAIL
EVERYBODY = {G, S, A, M}


def _child(ward: Ward) -> Slot:
    return Slot(Purpose.NAMES, "child", "name_sealed", ward.school.id, Child.get().id)


def _guardian(ward: Ward) -> Slot:
    return Slot(Purpose.NAMES, "registration", "guardian_name_sealed", ward.school.id, Registration.get().id)


def _address(ward: Ward) -> Slot:
    return Slot(Purpose.ADDRESSES, "address", "sealed", ward.school.id, Address.get().id)


def _inquiry(ward: Ward) -> Slot:
    ring = ward.keyring(M)
    inquiry.keep(ring, Address.get(), "花子は休みます", now=clock.now(), delivery_id=None)
    return Slot(Purpose.NAMES, "inquiry", "sealed", ward.school.id, Inquiry.get().id)


def _policy(ward: Ward) -> Slot:
    slot = Slot(Purpose.ADDRESSES, "mta_sts_policy", "sealed", 0, row_id())
    MtaStsPolicy.create(
        id=slot.row_id, domain_index=os.urandom(16), sealed=ward.keyring(M).seal(slot, "[]"),
        fetched_at=clock.now(), refresh_at=clock.now(), expires_at=clock.now(), used_at=clock.now(),
    )  # fmt: skip
    return slot


def _tally(ward: Ward) -> Slot:
    slot = Slot(Purpose.ADDRESSES, "tls_tally", "sealed", 0, row_id())
    TlsTally.create(
        id=slot.row_id, day=1, domain_index=os.urandom(16), sealed=ward.keyring(M).seal(slot, "[]")
    )
    return slot


SEALED: dict[str, tuple[Callable[[Ward], Slot], set[Zone]]] = {
    "a child's name": (_child, {A}),
    "a guardian's name": (_guardian, {A}),
    "an address": (_address, {A, M}),
    "an inquiry": (_inquiry, {A}),
    "a transport policy": (_policy, {M}),
    "a transport report": (_tally, {M}),
}


@pytest.mark.parametrize("purpose", SEALED)
@pytest.mark.parametrize("zone", Zone)
def test_who_reads_what_is_sealed(ward: Ward, intruder: Enter, zone: Zone, purpose: str) -> None:
    make, readers = SEALED[purpose]
    slot = make(ward)
    him = intruder(zone)
    statement = f"SELECT {slot.column} FROM {slot.table} WHERE id = %s"
    if zone not in readers:
        assert not him.may(statement, slot.row_id)
        return
    ((sealed,),) = him.run(statement, slot.row_id)
    assert him.keyring.open(slot, bytes(sealed))


@pytest.mark.parametrize("purpose", SEALED)
@pytest.mark.parametrize("zone", Zone)
def test_the_key_alone_decides_the_same_where_the_database_would_let_him(
    ward: Ward, intruder: Enter, zone: Zone, purpose: str
) -> None:
    """A dump of the whole database in his hand. The admin zone's key opens addresses of the ward as well."""
    make, readers = SEALED[purpose]
    slot = make(ward)
    with psycopg.connect(ward.config.database.url) as owner:
        ((sealed,),) = owner.execute(
            f"SELECT {slot.column} FROM {slot.table} WHERE id = %s", (slot.row_id,)
        ).fetchall()
    keyring = intruder(zone).keyring
    opens = readers | ({A} if slot.purpose is Purpose.ADDRESSES else set())
    if zone in opens:
        assert keyring.open(slot, bytes(sealed))
    else:
        with pytest.raises(KeyRefused):
            keyring.open(slot, bytes(sealed))


@pytest.mark.parametrize(
    ("secret", "zones"),
    [
        ("dkim.json", {M}),
        ("links.key", {M}),
        ("return-path.key", {M}),
        ("unsubscribe.key", {G, M}),
        ("addresses.index", {A, M}),
        ("names.index", {G, S, A}),
        ("zone.key", {A, M}),
    ],
)
@pytest.mark.parametrize("zone", Zone)
def test_who_holds_which_secret(ward: Ward, zone: Zone, secret: str, zones: set[Zone]) -> None:
    assert (ward.config.secrets_dir / zone.value / secret).exists() == (zone in zones)
    assert (secret in secrets.SECRETS[zone]) == (zone in zones)


@pytest.mark.parametrize("zone", Zone)
def test_no_zone_has_the_password_or_the_zone_key_of_another(ward: Ward, zone: Zone) -> None:
    for name in (secrets.ROLE_PASSWORD, "zone.key", "cookie"):
        held = [
            path.read_bytes()
            for each in Zone
            if (path := ward.config.secrets_dir / each.value / name).exists()
        ]
        assert len(set(held)) == len(held)


# --- deeds


@dataclass(frozen=True)
class Deed:
    """A statement that gives power, and the zones whose work it is."""

    statement: str
    zones: set[Zone]


ROW = "(at, account_id, role, zone, network, act, object_kind, result, detail)"
DEEDS = {
    # accounts
    "becomes a ward officer": Deed("UPDATE account SET role = 'ward_officer'", {A}),
    "names his own password": Deed("UPDATE account SET password_phc = 'x'", {A}),
    "opens an account": Deed(
        "INSERT INTO account (login_id, role, display_name, password_phc, state, password_changed_at,"
        " created_at) VALUES ('x', 'principal', 'x', 'x', 'active', 0, 0)",
        {A},
    ),
    "lifts a suspension": Deed("UPDATE account SET state = 'active'", {A}),
    "joins another school": Deed(
        "INSERT INTO account_school SELECT a.id, s.id FROM account a, school s", {A}
    ),
    "reads password hashes": Deed("SELECT password_phc FROM account", {S, A}),
    # sessions
    "logs in on the administration site": Deed(
        "INSERT INTO staff_session (token_hash, account_id, zone, network, created_at, seen_at, ends_at)"
        " SELECT 'x', id, 'admin', '', 0, 0, 0 FROM account LIMIT 1",
        {A},
    ),
    "logs in on the send-only site": Deed(
        "INSERT INTO staff_session (token_hash, account_id, zone, network, created_at, seen_at, ends_at)"
        " SELECT 'x', id, 'sender', '', 0, 0, 0 FROM account LIMIT 1",
        {S},
    ),
    "takes over a session": Deed("UPDATE staff_session SET token_hash = 'x'", set()),
    "moves a session to another account": Deed("UPDATE staff_session SET account_id = 1", set()),
    # the record
    "writes a record as the administration site": Deed(
        f"INSERT INTO audit {ROW} VALUES (0, 1, 'principal', 'admin', '', 'x', 'x', 'ok', '')", {A}
    ),
    "writes a record as the send-only site": Deed(
        f"INSERT INTO audit {ROW} VALUES (0, 1, 'principal', 'sender', '', 'x', 'x', 'ok', '')", {S}
    ),
    "writes a record as the mail zone": Deed(
        f"INSERT INTO audit {ROW} VALUES (0, 1, 'principal', 'mail', '', 'x', 'x', 'ok', '')", {M}
    ),
    "changes a record": Deed("UPDATE audit SET result = 'refused'", set()),
    "deletes records": Deed("DELETE FROM audit", set()),
    "empties the record": Deed("TRUNCATE audit", set()),
    "reads the record": Deed("SELECT act FROM audit", {A}),
    # keys
    "puts his own public key there": Deed("UPDATE school_key SET public = 'x'", set()),
    "adds a public key": Deed(
        "INSERT INTO school_key (school_id, purpose, public, created_at) VALUES (9, 'names', 'x', 0)", set()
    ),
    "removes a public key": Deed("DELETE FROM school_key", set()),
    "puts his own zone key there": Deed("UPDATE zone_key SET public = 'x'", set()),
    "replaces a wrapped key": Deed("UPDATE wrapped_key SET wrapped = 'x'", set()),
    # the ward
    "lets staff send alone": Deed("UPDATE school SET approval_required = false", set()),
    "founds a school": Deed(
        "INSERT INTO school (kind, name, name_en, state, approval_required, created_at)"
        " VALUES ('elementary', 'x', 'x', 'open', false, 0)",
        set(),
    ),
    "mints a code": Deed(
        "INSERT INTO security_code (school_id, code, state, created_at) SELECT id, 'x', 'active', 0"
        " FROM school LIMIT 1",
        {A},
    ),
    # what guardians gave us
    "reads which child goes to which class": Deed("SELECT school_class_id, name_index FROM child", EVERYBODY),
    "deletes children": Deed("DELETE FROM child WHERE id = 0", {A, M}),
    "deletes addresses": Deed("DELETE FROM address WHERE id = 0", {M}),
    "changes an address": Deed("UPDATE address SET sealed = 'x'", {A, M}),
    "reads an inquiry's text": Deed("SELECT sealed FROM inquiry", {A}),
    # sending
    "writes a broadcast": Deed(
        "INSERT INTO broadcast (school_id, author_id, urgent, category, subject, body, audience, state,"
        " once_key, created_at) SELECT s.id, a.id, true, 'crime', 'x', 'x', '{}', 'approved', 'x', 0"
        " FROM school s, account a LIMIT 1",
        {S, A},
    ),
    "writes a test broadcast": Deed(
        "INSERT INTO broadcast (school_id, author_id, urgent, category, subject, body, audience, state,"
        " once_key, created_at) VALUES ((SELECT MIN(id) FROM school), 1, false, 'test', 'x', 'x', '{}',"
        " 'approved', 'x', 0)",
        {S, A, M},
    ),
    "changes the text of a broadcast": Deed("UPDATE broadcast SET body = 'x'", {S, A}),
    "reads prepared signatures": Deed("SELECT signed FROM prepared", {M}),
    "queues a letter with a link": Deed(
        "INSERT INTO delivery (kind, school_id, address_id, site, lane, state, attempts, next_at, expires_at,"
        " code, enhanced, reason, uncertain, created_at) SELECT 'reply', school_id, id, site, 1, 'queued', 0,"
        " 0, 0, 0, '', '', false, 0 FROM address LIMIT 1",
        {A, M},
    ),
    # what people are told of their own login
    "sends somebody's notices elsewhere": Deed("UPDATE notice_address SET address_id = NULL", {M}),
    "waits for an empty mail about notices": Deed("UPDATE notice_address SET token_hash = 'x'", {A, M}),
    "ends somebody's notices": Deed("DELETE FROM notice_address", {A}),
    "notes what somebody is to be told": Deed(
        "INSERT INTO notice (account_id, what, at) VALUES (NULL, 'x', 0)", {S, A, M}
    ),
    "reads what somebody is told": Deed("SELECT what FROM notice", {M}),
    "changes what somebody is told": Deed("UPDATE notice SET what = 'x'", set()),
    "says that somebody was told": Deed("UPDATE notice SET told_at = 1", {M}),
    "takes notices away": Deed("DELETE FROM notice", {M}),
    # the server
    "makes a table": Deed("CREATE TABLE mine (x int)", set()),
    "makes a temporary table": Deed("CREATE TEMPORARY TABLE mine (x int)", set()),
    "makes a function": Deed("CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", set()),
    "becomes the mail zone": Deed("SET ROLE karamail_mail", {M}),
    "becomes the owner": Deed("SET ROLE karamail", set()),
    "reads files of the server": Deed("SELECT pg_read_file('/etc/passwd')", set()),
    "runs a program on the server": Deed("COPY school FROM PROGRAM 'true'", set()),
    "pretends a migration": Deed("UPDATE schema_migration SET name = 'x'", set()),
    "takes the row security away": Deed("ALTER TABLE audit DISABLE ROW LEVEL SECURITY", set()),
}  # fmt: skip


@pytest.mark.parametrize("zone", Zone)
def test_what_a_zone_may_it_can_and_what_not_it_cannot(ward: Ward, intruder: Enter, zone: Zone) -> None:
    him = intruder(zone)
    can = {name for name, deed in DEEDS.items() if _does(him, deed.statement)}
    assert can == {name for name, deed in DEEDS.items() if zone in deed.zones}


def _does(him: Intruder, statement: str) -> bool:
    """Whether he gets through; a rule of the schema that stops him later is no protection of a zone."""
    try:
        return him.may(statement)
    except psycopg.errors.IntegrityError:
        return True
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return False


# --- one zone in hand


def test_a_taken_sender_site_cannot_make_itself_a_principal_at_the_administration_site(
    ward: Ward, intruder: Enter
) -> None:
    """Neither by a session of its own making, nor by reviving or bending one that was there."""
    kocho = Account.get(Account.login_id == "kocho")
    with psycopg.connect(ward.config.database.url) as owner:
        for token, ended in (("alive", None), ("ended", 1)):
            owner.execute(
                "INSERT INTO staff_session (token_hash, account_id, zone, network, created_at, seen_at,"
                " ends_at, ended_at) VALUES (%s, %s, 'admin', '', 0, 0, 9, %s)",
                (hashlib.sha256(token.encode()).digest(), kocho.id, ended),
            )
    him = intruder(S)
    assert him.changes("UPDATE staff_session SET ended_at = NULL WHERE zone = 'admin'") == 0
    assert him.changes("UPDATE staff_session SET ends_at = 99") == 0
    assert him.changes("UPDATE staff_session SET seen_at = 99 WHERE zone = 'admin'") == 0
    # What a change of password needs: to end the living ones, wherever they are.
    assert him.changes("UPDATE staff_session SET ended_at = 5 WHERE zone = 'admin'") == 1


def test_a_taken_guardian_form_cannot_touch_what_is_registered(ward: Ward, intruder: Enter) -> None:
    him = intruder(G)
    asked = ward.ask("mallory@example.jp")
    confirmed = Registration.get(Registration.state == "confirmed").id
    for change in ("state = 'expired'", "child_id = NULL", "guardian_name_sealed = 'x'"):
        assert him.changes(f"UPDATE registration SET {change}, ended_at = 1 WHERE id = %s", confirmed) == 0
    assert him.changes("UPDATE registration SET state = 'expired' WHERE id = %s", asked) == 1
    assert not him.may("UPDATE registration SET state = 'withdrawn' WHERE id = %s", asked)
    assert not him.may("UPDATE registration SET address_id = 1 WHERE id = %s", asked)
    assert him.changes("UPDATE child SET id = id + 1") == 0
    assert him.changes("UPDATE school_class SET id = id + 1") == 0


def test_a_taken_guardian_form_cannot_mail_the_school(ward: Ward, intruder: Enter) -> None:
    """It queues welcome letters; a broadcast's text never leaves by its hand."""
    him = intruder(G)
    statement = (
        "INSERT INTO delivery (kind, school_id, broadcast_id, address_id, site, lane, state, attempts,"
        " next_at, expires_at, code, enhanced, reason, uncertain, created_at, turn, about)"
        " VALUES (%s, %s, %s, %s, 'docomo', 1, 'queued', 0, 0, 0, 0, '', '', false, 0, 0, '')"
    )
    there = ward.school.id, None, Address.get().id
    assert him.may(statement, "welcome", *there)
    assert not him.may(statement, "broadcast", ward.school.id, 1, Address.get().id)
    assert not him.may("UPDATE delivery SET address_id = 1")
    assert not him.may("SELECT state FROM delivery")
    assert not him.may("SELECT body FROM broadcast")


def test_a_taken_mail_worker_cannot_write_what_schools_say(ward: Ward, intruder: Enter) -> None:
    him = intruder(M)
    assert not him.may("UPDATE broadcast SET body = 'x'")
    assert not him.may("SELECT login_id FROM account")
    assert not him.may("SELECT password_phc FROM account")
    assert not him.may("SELECT token_hash FROM staff_session")
    assert him.may("SELECT subject, body FROM broadcast")


def test_each_zone_sees_only_the_keys_wrapped_to_it(ward: Ward, intruder: Enter) -> None:
    for zone in (A, M):
        assert {row[0] for row in intruder(zone).run("SELECT DISTINCT zone FROM wrapped_key")} == {zone.value}


@pytest.mark.parametrize("zone", Zone)
def test_the_password_of_one_role_is_not_that_of_another(ward: Ward, zone: Zone) -> None:
    password = secrets.text(ward.config.secrets_dir / zone.value, secrets.ROLE_PASSWORD)
    for other in set(Zone) - {zone}:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(ward.config.database.url, user=f"karamail_{other.value}", password=password)
