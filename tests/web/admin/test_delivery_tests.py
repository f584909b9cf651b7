"""配信テスト from the school's page of evidence, by hand and every month; and an address that is in doubt."""

import pytest
from flask import Flask

from appliance import clock
from appliance.models import Address, Broadcast, Delivery, Registration, School
from tests.web.staff.ward import Clerk, Ward, write

TEST = "これは配信テストです。緊急の連絡ではありません。"


@pytest.fixture
def clerk(admin: Flask, ward: Ward) -> Clerk:
    clerk = Clerk(admin)
    clerk.login("kocho")
    return clerk


def test_the_principal_sends_a_test_and_sees_before_and_after(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}/evidence")
    clerk.send(f"/schools/{ward.school.id}/delivery-test")
    assert clerk.path.endswith("/check")
    assert TEST in clerk.page
    assert "件名と本文を変更" not in clerk.page
    clerk.send()
    sent = Broadcast.get()
    assert (sent.state, sent.category, sent.urgent) == ("sending", "test", False)
    assert TEST in clerk.page
    assert "テストの前" in clerk.page
    assert Delivery.select().where(Delivery.broadcast == sent.id, Delivery.lane == 2).count() == 4
    clerk.open(f"/broadcasts/{sent.id}?lang=en")
    assert "This is a delivery test, not an emergency." in clerk.page


def test_its_text_has_no_page_where_it_could_be_changed(clerk: Clerk, ward: Ward) -> None:
    clerk.open(f"/schools/{ward.school.id}/evidence")
    clerk.send(f"/schools/{ward.school.id}/delivery-test")
    test = Broadcast.get()
    for step in ("kind", "audience", "text"):
        clerk.open(f"/broadcasts/{test.id}/{step}")
        assert clerk.status in (404, 409), step
    assert Broadcast.get().body == test.body


def test_the_monthly_test_is_switched_on_and_off(clerk: Clerk, ward: Ward, admin: Flask) -> None:
    clerk.open(f"/schools/{ward.school.id}/evidence")
    assert "いまは送っていません" in clerk.page
    clerk.send(f"/schools/{ward.school.id}/delivery-test/monthly", monthly="on")
    assert School.get_by_id(ward.school.id).tests_by is not None
    assert "自動で送っています" in clerk.page
    clerk.send(f"/schools/{ward.school.id}/delivery-test/monthly", monthly="off")
    assert School.get_by_id(ward.school.id).tests_by is None
    staff = Clerk(admin)
    staff.login("sensei")
    staff.open(f"/schools/{ward.school.id}/evidence")
    assert "毎月の配信テストを始める" not in staff.page


@pytest.fixture
def doubted(ward: Ward) -> Registration:
    """鈴木's address was gone for weeks; nobody knows whose it is."""
    there = Registration.select().join(Address).where(Address.site == "softbank").get()
    Registration.update(doubted_at=clock.now(), doubt="refused").where(Registration.id == there.id).execute()
    return there


def test_a_child_whose_only_address_is_in_doubt_is_on_the_call_sheet(
    clerk: Clerk, ward: Ward, doubted: Registration
) -> None:
    broadcast_id = write(clerk)
    clerk.send()
    Delivery.update(state="accepted", settled_at=clock.now()).where(
        Delivery.broadcast == broadcast_id
    ).execute()
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "児童等3人のうち2人は" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/call-sheet")
    assert "鈴木 翼" in clerk.page
    assert "いまは別の人のアドレスかもしれません" in clerk.page
    assert "佐藤 健" not in clerk.page


def test_the_registrants_page_says_it_and_the_school_may_vouch(
    clerk: Clerk, ward: Ward, doubted: Registration
) -> None:
    clerk.open(f"/schools/{ward.school.id}/evidence/weak")
    assert "長く断られていました。いまは別の人のアドレスかもしれません" in clerk.page
    clerk.open(f"/registrants/{doubted.id}")
    assert "届いていないものとして数えます" in clerk.page
    clerk.send(f"/registrants/{doubted.id}/vouch")
    assert Registration.get_by_id(doubted.id).doubted_at is None
    assert "届いていないものとして数えます" not in clerk.page
