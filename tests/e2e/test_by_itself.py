"""What a worker does without being asked: it doubts an old address and asks, and starts the month's test."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance import clock
from appliance.broadcast import delivery_test
from appliance.delivery import Reason
from appliance.models import Account, AccountSchool, Broadcast, Delivery, Registration
from appliance.states import DeliveryState
from tests.e2e.house import HOST, House
from tests.support.receiver import Mail
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


def text_of(mail: Mail) -> str:
    """What the guardian reads."""
    return base64.b64decode(mail.content.partition(b"\r\n\r\n")[2]).decode()


def test_an_address_that_was_gone_for_weeks_is_asked_when_it_takes_a_mail_again(
    tmp_path: Path, sqlite_url: str
) -> None:
    with House(tmp_path, sqlite_url) as house:
        receiver = house.receiver(HOST)
        school, actor = house.school(2)
        refused = house.send(school, actor)
        weeks = clock.now() - timedelta(weeks=6)
        Registration.update(confirmed_at=weeks - timedelta(days=1)).execute()
        Delivery.update(state=DeliveryState.ACCEPTED, settled_at=clock.now() - timedelta(days=2)).execute()
        one = Delivery.select().where(Delivery.broadcast == refused.id).first()
        Delivery.update(state=DeliveryState.FAILED, settled_at=weeks, reason=Reason.UNKNOWN_USER).where(
            Delivery.id == one.id
        ).execute()
        house.worker()
        until(lambda: house.log().count("address.doubted"), within_s=20, why="it is doubted")
        doubted = Registration.get(Registration.doubted_at.is_null(False))
        assert (doubted.address_id, doubted.doubt) == (one.address_id, "refused")
        assert Registration.select().where(Registration.doubted_at.is_null(False)).count() == 1

        sent = house.send(school, actor)
        house.wait_until(sent, DeliveryState.ACCEPTED, 2)
        house.worker("2")  # looks at every school when it starts
        until(lambda: len(receiver.mails()) == 3, within_s=20, why="the letter that asks has come")
        asking = receiver.mails()[-1]
        assert "/k/" in text_of(asking)
        assert "児童" not in text_of(asking)


def test_the_months_test_starts_on_its_day(tmp_path: Path, sqlite_url: str) -> None:
    """In a time zone in which it is noon now, in a house whose day it is."""
    hours = 12 - datetime.now(UTC).hour
    local = datetime.now(UTC) + timedelta(hours=hours)
    with House(tmp_path, sqlite_url) as house:
        receiver = house.receiver(HOST)
        school, actor = house.school(3)
        assert AccountSchool.select().where(AccountSchool.account == actor.account_id).count() == 1
        delivery_test.switch(actor, school, on=True)
        text = house.file.read_text()
        zone = f'timezone = "Etc/GMT{-hours:+d}"'  # POSIX signs
        text = text.replace("[ward]\n", f"[ward]\n{zone}\n")
        text = text.replace(
            "[broadcast]\n", f"[broadcast]\ntest_day = {min(local.day, 28)}\ntest_hour = 12\n"
        )
        house.file.write_text(text)
        house.worker()
        until(lambda: len(receiver.mails()) == 3, within_s=30, why="everybody has the test")
        test = Broadcast.get()
        assert (test.category, test.urgent) == ("test", False)
        assert test.author == Account.get_by_id(actor.account_id)
        assert all("配信テスト" in text_of(mail) for mail in receiver.mails())
        assert len({text_of(mail) for mail in receiver.mails()}) == 3  # each with a link of its own
