"""The deputy looks which addresses are weak before the term ends, and whom to ask for another one."""

import pytest
from flask import Flask

from appliance import clock, delivery
from appliance.delivery import Kind, Outcome, Reason, Result
from appliance.models import Address, Registration
from tests.web.staff.ward import Clerk, Ward, write


@pytest.fixture
def clerk(admin: Flask, ward: Ward) -> Clerk:  # the ward comes first
    clerk = Clerk(admin)
    clerk.login("kocho")
    return clerk


def refused(clerk: Clerk) -> None:
    """softbank has refused a mail to the only family there."""
    write(clerk)
    clerk.send()
    now = clock.now()
    gone = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_USER)
    claimed = delivery.claim("w1", "softbank", limit=20, lease_s=60, now=now)
    delivery.settle([Result(row.id, row.token, row.lane, row.attempts, "w1", gone, now) for row in claimed])


def test_the_school_sees_numbers_and_then_the_families_to_ask(clerk: Clerk, ward: Ward) -> None:
    refused(clerk)
    clerk.open(f"/schools/{ward.school.id}")
    assert f"/schools/{ward.school.id}/evidence" in clerk.page
    clerk.open(f"/schools/{ward.school.id}/evidence")
    assert "鈴木" not in clerk.page
    assert "(宛先1)" in clerk.page
    clerk.open(f"/schools/{ward.school.id}/evidence/weak")
    assert "鈴木 翼" in clerk.page
    assert "suzuki@softbank.ne.jp" in clerk.page
    assert "アドレスがなくなっています" in clerk.page
    assert "佐藤 健" not in clerk.page


def test_the_registrants_page_says_it_in_words(clerk: Clerk) -> None:
    refused(clerk)
    there = Registration.select().join(Address).where(Address.site == "softbank").get()
    clerk.open(f"/registrants/{there.id}")
    assert "いちばん最近のメールが断られました。" in clerk.page
    clerk.open(f"/registrants/{there.id}?lang=en")
    assert "The latest message was refused." in clerk.page


def test_the_ward_office_sees_numbers_only_and_another_school_nothing(admin: Flask, ward: Ward) -> None:
    officer = Clerk(admin)
    officer.login("kutan")
    officer.open(f"/schools/{ward.school.id}/evidence")
    assert officer.status == 200
    officer.open(f"/schools/{ward.school.id}/evidence/weak")
    assert officer.status == 403
    stranger = Clerk(admin)
    stranger.login("encho")
    for place in ("evidence", "evidence/weak"):
        stranger.open(f"/schools/{ward.school.id}/{place}")
        assert stranger.status == 404
