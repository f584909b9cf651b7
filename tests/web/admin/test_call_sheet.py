"""The clerk prints the call sheet after a mail that not everybody got; a phone shows numbers only."""

import pytest
from flask import Flask

from appliance import clock, delivery
from appliance.delivery import Kind, Outcome, Reason, Result
from appliance.models import Confirmation, Delivery
from tests.web.staff.ward import Clerk, write


def _settle(site: str, outcome: Outcome) -> None:
    now = clock.now()
    claimed = delivery.claim("w1", site, limit=20, lease_s=60, now=now)
    delivery.settle(
        [Result(row.id, row.token, row.lane, row.attempts, "w1", outcome, now) for row in claimed]
    )


def _written_and_answered(clerk: Clerk) -> int:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    for site in ("docomo", "google", "au"):
        _settle(site, Outcome(Kind.ACCEPTED, 250, "2.0.0"))
    _settle("softbank", Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_USER))
    return broadcast_id


@pytest.fixture
def clerk(admin: Flask) -> Clerk:
    return Clerk(admin)


@pytest.mark.usefixtures("ward")
def test_the_sheet_lists_who_must_be_telephoned_and_why(clerk: Clerk) -> None:
    broadcast_id = _written_and_answered(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "児童等3人のうち2人" in clerk.page
    assert f"/broadcasts/{broadcast_id}/call-sheet" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/call-sheet")
    assert "鈴木 翼" in clerk.page
    assert "アドレスがなくなっています" in clerk.page
    assert "佐藤 健" not in clerk.page


@pytest.mark.usefixtures("ward")
def test_the_status_page_says_for_how_many_children_a_guardian_has_answered(clerk: Clerk) -> None:
    broadcast_id = _written_and_answered(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "確認" not in clerk.page
    answered = Delivery.get(Delivery.broadcast == broadcast_id, Delivery.site == "au")
    Confirmation.create(delivery=answered, at=clock.now(), how="reply")
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "このうち1人は、保護者から返信がありました(確認)。" in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}?lang=en")
    assert "For 1 of them, a guardian has replied (confirmed)." in clerk.page


@pytest.mark.usefixtures("ward")
def test_the_send_only_site_has_the_numbers_and_no_sheet(sender: Flask) -> None:
    clerk = Clerk(sender)
    broadcast_id = _written_and_answered(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}")
    assert "児童等3人のうち2人" in clerk.page
    assert "call-sheet" not in clerk.page
    clerk.open(f"/broadcasts/{broadcast_id}/call-sheet")
    assert clerk.status == 404


@pytest.mark.usefixtures("ward")
def test_another_schools_sheet_is_not_there(clerk: Clerk, admin: Flask) -> None:
    broadcast_id = _written_and_answered(clerk)
    stranger = Clerk(admin)
    stranger.login("encho")
    stranger.open(f"/broadcasts/{broadcast_id}/call-sheet")
    assert stranger.status == 404
    officer = Clerk(admin)
    officer.login("kutan")
    officer.open(f"/broadcasts/{broadcast_id}/call-sheet")
    assert officer.status == 403
