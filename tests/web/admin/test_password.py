"""A new term: the password must change first, and the mail that was being written goes out all the same."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from appliance import clock
from appliance.models import Account, Broadcast
from tests.web.staff.ward import PASSWORD, Clerk, Ward, write

OTHER = "kumo-ga-nagareru-oka-5"
LATER = timedelta(days=400)


@pytest.fixture
def clerk(admin: Flask) -> Clerk:
    return Clerk(admin)


@pytest.fixture
def old(ward: Ward) -> None:
    """Everybody's password is from long ago."""
    Account.update(password_changed_at=clock.now() - LATER).execute()


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    """Long after the beginning of the second term."""
    with time_machine.travel("2026-11-25T06:00:00+09:00", tick=True):
        yield


@pytest.mark.usefixtures("old")
def test_after_the_days_of_grace_every_page_leads_to_the_change_and_on_to_itself(
    clerk: Clerk, ward: Ward
) -> None:
    clerk.login("kocho")
    assert clerk.path == "/account/password"
    for path in (f"/schools/{ward.school.id}/registrants", "/broadcasts/new", "/training"):
        clerk.open(path)
        assert clerk.path == "/account/password", path
    clerk.send(old=PASSWORD, new=OTHER, again=OTHER)
    assert clerk.path == "/training"
    clerk.login("kocho", OTHER)
    assert clerk.path == "/"


@pytest.mark.usefixtures("old")
def test_whoever_must_change_can_still_log_out(clerk: Clerk) -> None:
    clerk.login("kocho")
    clerk.send("/logout")
    assert clerk.path == "/login"


def test_an_urgent_text_is_carried_through_the_change_and_sent(clerk: Clerk, ward: Ward) -> None:
    """The days of grace end while somebody is writing: the change takes its minute, the mail goes."""
    clerk.login("kocho")
    broadcast_id = write(clerk, urgent=True)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    Account.update(password_changed_at=clock.now() - LATER).execute()
    clerk.send(subject="大雨について", body="川の水が増えています。")
    assert clerk.status == 403
    assert "書いた文は消えません" in clerk.page
    clerk.send("/account/password", old=PASSWORD, new="short", again="short")  # in a hurry
    clerk.send("/account/password", old=PASSWORD, new=OTHER, again=OTHER)
    assert "まだ保存していません" in clerk.page
    clerk.send(f"/broadcasts/{broadcast_id}/text")
    assert Broadcast.get_by_id(broadcast_id).body == "川の水が増えています。"
    assert clerk.path == f"/broadcasts/{broadcast_id}/check"
    clerk.send(typed="4")
    assert Broadcast.get_by_id(broadcast_id).state == "sending"


def test_a_text_survives_an_ended_session_and_the_change_together(clerk: Clerk) -> None:
    """Through the login first, then through the change."""
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    Account.update(password_changed_at=clock.now() - LATER).execute()
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        clerk.send(subject="大雨について", body="川の水が増えています。")
        clerk.send("/login", login_id="kocho", password=PASSWORD)
        clerk.send(f"/broadcasts/{broadcast_id}/text")
        clerk.send("/account/password", old=PASSWORD, new=OTHER, again=OTHER)
        clerk.send(f"/broadcasts/{broadcast_id}/text")
    assert Broadcast.get_by_id(broadcast_id).body == "川の水が増えています。"


def test_the_carried_text_survives_a_change_of_language(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    Account.update(password_changed_at=clock.now() - LATER).execute()
    clerk.send(subject="大雨について", body="川の水が増えています。")
    clerk.send("/account/password?lang=en")
    assert "Nothing of it is lost" in clerk.page
    assert "川の水が増えています。" in clerk.page


@pytest.mark.usefixtures("old")
def test_the_send_only_site_reminds_and_never_stands_in_the_way(sender: Flask) -> None:
    """It cannot set passwords (decision 0111); a principal at home sends first and changes at school."""
    clerk = Clerk(sender)
    clerk.login("kocho")
    assert clerk.path == "/"
    assert "学校の端末から、管理者サイトで変えてください" in clerk.page
    assert write(clerk, urgent=True)


def test_in_the_days_of_grace_there_is_a_reminder_with_the_last_day(clerk: Clerk) -> None:
    with time_machine.travel("2027-01-10T06:00:00+09:00", tick=True):
        clerk.login("kocho")
        assert clerk.path == "/"
        assert "2027年1月21日（木）までに、パスワードを変えてください" in clerk.page


def test_a_stranger_who_mistypes_at_the_same_address_does_not_lock_the_principal_out(
    app_pair: tuple[Clerk, Clerk],
) -> None:
    principal, stranger = app_pair
    principal.login("kocho")
    principal.send("/logout")
    for _ in range(11):
        stranger.login("kocho", "chigau-pasuwaado")
    assert stranger.status == 429
    principal.login("kocho")
    assert principal.path == "/"


def test_a_forged_or_borrowed_mark_of_a_known_browser_is_none(
    app_pair: tuple[Clerk, Clerk], admin: Flask
) -> None:
    """The mark of one's own account is no way around the count of another."""
    insider, stranger = app_pair
    insider.login("sensei")
    insider.send("/logout")
    for _ in range(11):
        stranger.login("kocho", "chigau-pasuwaado")
    insider.login("kocho", "chigau-pasuwaado")
    assert insider.status == 429
    host = admin.extensions["karamail.site"].origin[7:]
    for value in ("", "x", "eyJ9.aaaa.bbbb", "é"):
        stranger.client.set_cookie("karamail_admin_known", value, domain=host)
        stranger.login("kocho")
        assert stranger.status == 429


@pytest.fixture
def app_pair(admin: Flask) -> tuple[Clerk, Clerk]:
    """The principal's browser and a stranger's, at the same address."""
    return Clerk(admin), Clerk(admin)
