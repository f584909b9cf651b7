"""A row that no program of ours wrote fails by itself; the mail of the ward goes on."""

from pathlib import Path

import pytest

from appliance import clock, db
from appliance.models import Account, Address, Delivery, NoticeAddress
from appliance.states import DeliveryState
from tests.e2e.house import House
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NEVER = 2**63 - 1
_ROW = {
    "kind": "welcome", "site": "other", "lane": 0, "turn": 0, "state": "queued", "attempts": 0, "next_at": 0,
    "expires_at": NEVER, "about": "", "created_at": 1_800_000_000_000_000, "code": 0, "enhanced": "",
    "reason": "", "uncertain": False,
}  # fmt: skip
STRANGE = {
    "a school that is none": {"school_id": 999_999},
    "made at no time": {"created_at": -NEVER},
    "made in another century": {"created_at": NEVER},
    "about no checkpoint": {"kind": "checkpoint", "about": "many"},
}


def insert(row: dict[str, object]) -> None:
    to = Address.select(Address.id, Address.school_id).get()
    row = _ROW | {"address_id": to.id, "school_id": to.school_id} | row
    with db.transaction():
        db.statement(
            f"INSERT INTO delivery ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
            *row.values(),
        )


def test_an_urgent_mail_passes_rows_of_which_nothing_can_be_made(tmp_path: Path, database_url: str) -> None:
    with House(tmp_path / "house", database_url) as house:
        house.receiver()
        school, principal = house.school(20)
        for row in STRANGE.values():
            insert(row)
        worker = house.worker()
        sent = house.send(school, principal, urgent=True)
        house.wait_until(sent, DeliveryState.ACCEPTED, 20)
        strange = Delivery.broadcast.is_null()
        until(
            lambda: not Delivery.select().where(strange, Delivery.state.in_(("queued", "sending"))).exists(),
            why="each has its own end",
        )
        assert worker.poll() is None


def test_a_notice_of_no_time_ends_no_worker(tmp_path: Path, database_url: str) -> None:
    with House(tmp_path / "house", database_url) as house:
        receiver = house.receiver()
        _, principal = house.school(1)
        NoticeAddress.create(
            account=Account.get_by_id(principal.account_id), address=Address.get(), since=clock.now()
        )
        with db.transaction():
            db.statement(
                "INSERT INTO notice (account_id, what, at) VALUES (?, 'x', ?)", principal.account_id, NEVER
            )
        worker = house.worker()
        until(receiver.mails, within_s=40, why="the notice")
        assert worker.poll() is None
