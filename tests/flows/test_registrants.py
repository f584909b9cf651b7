"""A school clerk looks after the registrants: lists, finds, corrects, moves, removes; on both databases.

What must be gone is looked for in the rows themselves.
"""

import pytest

from appliance import access, clock, delivery, withdrawal
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.delivery import Kind, Outcome, Result
from appliance.directory import registrants
from appliance.errors import ClassGone, KeyRefused, NameInvalid, NotAllowed, NotYours, WrongState
from appliance.keys import Keyring
from appliance.models import Account, Address, Audit, Child, Registration
from tests.web.staff.ward import Ward, standing


def sealed_address(address_id: int) -> bytes:
    return bytes(Address.select(Address.sealed).where(Address.id == address_id).scalar())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"furnished_{request.param}_url")
    return found


@pytest.fixture
def ward(database: Config) -> Ward:
    return standing(database)


@pytest.fixture
def clerk(ward: Ward) -> Actor:
    return ward.actor(Role.STAFF, ward.school, account_id=Account.get(Account.login_id == "sensei").id)


@pytest.fixture
def keyring(ward: Ward) -> Keyring:
    return ward.keyring(Zone.ADMIN)


def registration(clerk: Actor, keyring: Keyring, ward: Ward, guardian: str) -> Registration:
    """That guardian's registration, as a page would come to it."""
    rows = registrants.page(clerk, keyring, ward.school.id, None, 1).rows
    return access.registration(
        clerk, next(row.registration_id for row in rows if row.guardian_name == guardian)
    )


def settle_everything() -> None:
    """The relay has done its work."""
    now = clock.now()
    for site in ("docomo", "google", "au", "softbank", "apple"):
        claimed = delivery.claim("w1", site, limit=50, lease_s=60, now=now)
        taken = Outcome(Kind.ACCEPTED, 250, "2.0.0")
        delivery.settle(
            [Result(row.id, row.token, row.lane, row.attempts, "w1", taken, now) for row in claimed]
        )


def test_a_page_shows_names_and_addresses_and_is_recorded(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    listed = registrants.page(clerk, keyring, ward.school.id, None, 1)
    assert [(row.child_name, row.guardian_name, row.address, row.label) for row in listed.rows] == [
        ("山田 花子", "山田 太郎", "taro..y@docomo.ne.jp", "1組"),
        ("山田 花子", "山田 雪", "yuki.yamada@gmail.com", "1組"),
        ("佐藤 健", "佐藤 恵", "sato@ezweb.ne.jp", "2組"),
        ("鈴木 翼", "鈴木 勇", "suzuki@softbank.ne.jp", "1組"),
    ]
    record = Audit.select().order_by(Audit.id.desc()).get()
    assert (record.act, record.account_id, record.school_id) == (
        "registrations.listed",
        clerk.account_id,
        ward.school.id,
    )
    assert '"opened": 4' in record.detail
    assert "山田" not in record.detail
    assert "山田" not in repr(listed)


def test_pages_end_where_the_rows_end(
    clerk: Actor, keyring: Keyring, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrants, "PAGE_ROWS", 3)
    first, second = (registrants.page(clerk, keyring, ward.school.id, None, number) for number in (1, 2))
    assert (len(first.rows), len(second.rows), second.last, second.total) == (3, 1, 2, 4)
    assert registrants.page(clerk, keyring, ward.school.id, None, 99).number == 2
    only = registrants.page(clerk, keyring, ward.school.id, ward.classes[1].id, 1)
    assert [row.child_name for row in only.rows] == ["佐藤 健"]


@pytest.mark.parametrize("written", ["山田花子", "山田　花子", " 山田 花子 "])
def test_a_child_is_found_by_name_however_it_is_spaced(
    clerk: Actor, keyring: Keyring, ward: Ward, written: str
) -> None:
    found = registrants.find(clerk, keyring, ward.school.id, written)
    assert [row.guardian_name for row in found] == ["山田 太郎", "山田 雪"]
    assert registrants.find(clerk, keyring, ward.school.id, "加藤 結") == []  # of the other school
    with pytest.raises(NameInvalid):
        registrants.find(clerk, keyring, ward.school.id, "hanako@example.com")


def test_whoever_may_not_see_names_opens_none(ward: Ward, keyring: Keyring) -> None:
    officer = ward.actor(Role.WARD_OFFICER)
    phone = ward.actor(Role.PRINCIPAL, ward.school, zone=Zone.SENDER)
    stranger = ward.actor(Role.PRINCIPAL, ward.other)
    before = Audit.select().count()
    for actor, error in ((officer, NotAllowed), (phone, NotAllowed), (stranger, NotYours)):
        with pytest.raises(error):
            registrants.page(actor, keyring, ward.school.id, None, 1)
        with pytest.raises(error):
            registrants.find(actor, keyring, ward.school.id, "山田 花子")
    assert Audit.select().count() == before


def test_another_zones_keyring_opens_nothing_and_no_opening_is_recorded(clerk: Actor, ward: Ward) -> None:
    for zone in (Zone.SENDER, Zone.GUARDIAN, Zone.MAIL):
        with pytest.raises(KeyRefused):
            registrants.page(clerk, ward.keyring(zone), ward.school.id, None, 1)
    assert not Audit.select().where(Audit.act == "registrations.listed").exists()


def test_a_class_of_another_school_is_absent(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    with pytest.raises(NotYours):
        registrants.page(clerk, keyring, ward.school.id, ward.other_classes[0].id, 1)


def test_a_corrected_name_counts_for_both_parents(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    found = registration(clerk, keyring, ward, "山田 太郎")
    registrants.correct(
        clerk, keyring, found, child_name="山田 華子", guardian_name="山田 太朗", now=clock.now()
    )
    rows = registrants.find(clerk, keyring, ward.school.id, "山田華子")
    assert {row.guardian_name for row in rows} == {"山田 太朗", "山田 雪"}
    assert registrants.find(clerk, keyring, ward.school.id, "山田花子") == []


def test_a_name_that_is_none_changes_nothing(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    found = registration(clerk, keyring, ward, "山田 太郎")
    for child, guardian in (("", "山田 太郎"), ("山田 花子", "長" * 200), ("山田\u202e花子", "山田 太郎")):
        with pytest.raises(NameInvalid):
            registrants.correct(
                clerk, keyring, found, child_name=child, guardian_name=guardian, now=clock.now()
            )
    assert registrants.opened(clerk, keyring, found).child_name == "山田 花子"


def test_a_mistyped_child_joins_the_right_one_when_corrected(
    clerk: Actor, keyring: Keyring, ward: Ward
) -> None:
    ward.register("sobo@yahoo.co.jp", "山田 鼻子", "山田 梅", ward.classes[0])
    found = registration(clerk, keyring, ward, "山田 梅")
    registrants.correct(
        clerk, keyring, found, child_name="山田花子", guardian_name="山田 梅", now=clock.now()
    )
    rows = registrants.find(clerk, keyring, ward.school.id, "山田 花子")
    assert len(rows) == 3
    assert len({row.child_id for row in rows}) == 1
    assert not Child.select().where(Child.id == found.child_id).exists()


def test_one_address_registered_for_both_spellings_is_one_registration_afterwards(
    clerk: Actor, keyring: Keyring, ward: Ward
) -> None:
    ward.register("taro..y@docomo.ne.jp", "山田 鼻子", "山田 次郎", ward.classes[0])
    found = registration(clerk, keyring, ward, "山田 次郎")
    registrants.correct(
        clerk, keyring, found, child_name="山田 花子", guardian_name="山田 次郎", now=clock.now()
    )
    rows = registrants.find(clerk, keyring, ward.school.id, "山田 花子")
    assert sorted(row.address for row in rows) == ["taro..y@docomo.ne.jp", "yuki.yamada@gmail.com"]


def test_a_child_moves_with_all_its_guardians(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    found = registration(clerk, keyring, ward, "山田 太郎")
    registrants.move(clerk, found, ward.classes[2], clock.now())
    rows = registrants.page(clerk, keyring, ward.school.id, ward.classes[2].id, 1).rows
    assert {row.guardian_name for row in rows} == {"鈴木 勇", "山田 太郎", "山田 雪"}
    with pytest.raises(ClassGone):
        registrants.move(clerk, found, ward.other_classes[0], clock.now())


def test_whoever_is_removed_leaves_no_name_and_no_address(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    settle_everything()
    found = registration(clerk, keyring, ward, "佐藤 恵")
    address_before = bytes(Address.get_by_id(found.address_id).address_index)
    registrants.remove(clerk, found, clock.now())
    row = Registration.select(Registration).where(Registration.id == found.id).get()
    assert (row.state, row.child_id, row.guardian_name_sealed) == ("withdrawn", None, None)
    assert not Child.select().where(Child.id == found.child_id).exists()
    address = Address.select(Address).where(Address.id == found.address_id).get()
    assert bytes(address.sealed) == b""
    assert bytes(address.address_index) != address_before
    assert registrants.find(clerk, keyring, ward.school.id, "佐藤 健") == []
    with pytest.raises(NotYours):
        access.registration(clerk, found.id)


def test_the_other_parent_and_the_sibling_stay(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    ward.register("taro..y@docomo.ne.jp", "山田 一花", "山田 太郎", ward.classes[2])
    settle_everything()
    rows = registrants.find(clerk, keyring, ward.school.id, "山田 花子")
    father = next(row for row in rows if row.guardian_name == "山田 太郎")
    registrants.remove(clerk, access.registration(clerk, father.registration_id), clock.now())
    (mother,) = registrants.find(clerk, keyring, ward.school.id, "山田 花子")
    (sibling,) = registrants.find(clerk, keyring, ward.school.id, "山田 一花")
    assert (mother.guardian_name, sibling.address) == ("山田 雪", "taro..y@docomo.ne.jp")


def test_removing_twice_says_that_somebody_was_first(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    found = registration(clerk, keyring, ward, "佐藤 恵")
    registrants.remove(clerk, found, clock.now())
    with pytest.raises(WrongState):
        registrants.remove(clerk, found, clock.now())


def test_an_address_with_a_mail_under_way_is_erased_when_that_has_ended(
    clerk: Actor, keyring: Keyring, ward: Ward
) -> None:
    found = registration(clerk, keyring, ward, "佐藤 恵")  # the welcome mail still waits
    registrants.remove(clerk, found, clock.now())
    assert sealed_address(found.address_id) != b""
    settle_everything()
    assert withdrawal.erase_left() == 1
    assert sealed_address(found.address_id) == b""
    assert withdrawal.erase_left() == 0


def test_whoever_was_removed_can_register_again(clerk: Actor, keyring: Keyring, ward: Ward) -> None:
    settle_everything()
    registrants.remove(clerk, registration(clerk, keyring, ward, "佐藤 恵"), clock.now())
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])
    (row,) = registrants.find(clerk, keyring, ward.school.id, "佐藤 健")
    assert row.address == "sato@ezweb.ne.jp"
