"""Who gets in, who does not, and where they land."""

from datetime import timedelta

import time_machine
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from appliance import clock
from appliance.models import Account, Audit, Broadcast, StaffSession
from tests.web.staff.ward import PASSWORD, Clerk, Ward, write

WRONG = "IDまたはパスワードが違います。"


def test_the_principal_logs_in_and_out(clerk: Clerk) -> None:
    clerk.login("kocho")
    assert clerk.path == "/"
    assert "校長 森 一郎" in clerk.page
    answer = clerk.send("/logout")
    assert answer.history[0].headers["Clear-Site-Data"] == '"cache"', "the back button shows nothing"
    clerk.open("/")
    assert clerk.path == "/login"
    assert [row.act for row in Audit.select().where(Audit.object_kind == "session")] == ["login", "logout"]


def test_whoever_logs_in_next_in_the_same_browser_ends_the_session_left_behind(clerk: Clerk) -> None:
    clerk.login("kocho")
    (left,) = StaffSession.select()
    clerk.login("sensei", "chigau")
    assert StaffSession.get_by_id(left.id).ended_at is None, "not before somebody is in"
    clerk.login("sensei")
    assert StaffSession.get_by_id(left.id).ended_at is not None
    clerk.open("/")
    assert "教諭" in clerk.page


def test_a_wrong_password_and_an_unknown_id_read_the_same(clerk: Clerk, ward: Ward) -> None:
    Account.update(state="suspended").where(Account.login_id == "encho").execute()
    for login_id, password in (("kocho", "chigau-pasuwaado"), ("dareka", PASSWORD), ("encho", PASSWORD)):
        clerk.login(login_id, password)
        assert clerk.status == 422
        assert WRONG in clerk.page


def test_after_many_wrong_passwords_one_has_to_wait_and_is_told_how_long(clerk: Clerk) -> None:
    for _ in range(10):
        clerk.login("kocho", "chigau")
    clerk.login("kocho")
    assert clerk.status == 429
    assert "15分ほど待ってから" in clerk.page


def test_a_made_up_cookie_opens_nothing(clerk: Clerk, app: Flask) -> None:
    site = app.extensions["karamail.site"]
    for value in ("", "x", "0" * 64, "f" * 63 + "g", "é" * 64):
        clerk.client.set_cookie(f"karamail_{site.zone}_session", value, domain=site.origin[7:])
        assert clerk.client.get("/").status_code == 303


def test_a_session_signed_with_another_secret_is_no_session(clerk: Clerk, app: Flask) -> None:
    """Flask's own cookie, forged whole: neither its language nor its proof is believed."""
    site = app.extensions["karamail.site"]
    forger = Flask("forger")
    forger.secret_key = "guessed"
    signer = SecureCookieSessionInterface().get_signing_serializer(forger)
    assert signer is not None
    proof = "0" * 40
    value = signer.dumps({"lang": "en", "csrf_token": proof})
    clerk.client.set_cookie(app.config["SESSION_COOKIE_NAME"], str(value), domain=site.origin[7:])
    assert '<html lang="ja"' in clerk.client.get("/login").text
    answer = clerk.client.post(
        "/login", data={"csrf_token": proof, "login_id": "kocho", "password": PASSWORD}
    )
    assert answer.status_code == 400
    assert "もう一度送ってください" in answer.text
    assert StaffSession.select().count() == 0


def test_the_cookie_of_the_other_site_opens_nothing(admin: Flask, sender: Flask) -> None:
    inside = Clerk(sender)
    inside.login("kocho")
    host = sender.extensions["karamail.site"].origin[7:]
    cookie = inside.client.get_cookie("karamail_sender_session", domain=host)
    assert cookie is not None
    stranger = Clerk(admin)
    stranger.client.set_cookie(
        "karamail_admin_session", cookie.value, domain=admin.extensions["karamail.site"].origin[7:]
    )
    stranger.open("/")
    assert stranger.path == "/login"


def test_the_session_token_is_not_in_the_database(clerk: Clerk, app: Flask) -> None:
    clerk.login("kocho")
    site = app.extensions["karamail.site"]
    cookie = clerk.client.get_cookie(f"karamail_{site.zone}_session", domain=site.origin[7:])
    assert cookie is not None
    assert cookie.value not in repr(list(StaffSession.select().dicts()))


def test_an_ended_session_leads_back_to_the_page_that_was_left(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    with time_machine.travel(clock.now().timestamp() + 3600, tick=True):
        clerk.open(f"/broadcasts/{broadcast_id}/check")
        assert "時間がたったため" in clerk.page
        clerk.send(login_id="kocho", password=PASSWORD)
        assert clerk.path == f"/broadcasts/{broadcast_id}/check"


def test_a_status_page_left_open_over_lunch_does_not_stay_logged_in(clerk: Clerk, ward: Ward) -> None:
    """It shows itself anew every few seconds; nobody is there. A click of somebody who is counts."""
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.send()
    idle = timedelta(minutes=ward.config.account.session_idle_minutes)
    with time_machine.travel(clock.now(), tick=False) as time:

        def shown_anew() -> int:
            time.shift(idle / 3)
            page = f"/broadcasts/{broadcast_id}/progress"
            return clerk.client.get(page, headers={"X-Fragment": "1"}).status_code

        assert shown_anew() == shown_anew() == 200
        clerk.open(f"/broadcasts/{broadcast_id}")
        assert shown_anew() == shown_anew() == 200
        assert shown_anew() == 303, "the page opens anew, and that is the login"
        clerk.open(f"/broadcasts/{broadcast_id}")
        assert clerk.path == "/login"


def test_a_text_written_while_the_session_ended_is_not_lost(clerk: Clerk) -> None:
    clerk.login("kocho")
    broadcast_id = write(clerk)
    clerk.open(f"/broadcasts/{broadcast_id}/text")
    with time_machine.travel(clock.now().timestamp() + 3600, tick=True):
        clerk.send(subject="大雨について", body="長い時間をかけて書いた文です。")
        assert clerk.status == 401
        clerk.send("/login", login_id="kocho", password="chigau")  # in a hurry, mistyped
        clerk.send("/login", login_id="kocho", password=PASSWORD)
        assert "まだ保存していません" in clerk.page
        clerk.send(f"/broadcasts/{broadcast_id}/text")
        assert Broadcast.get_by_id(broadcast_id).body == "長い時間をかけて書いた文です。"


def test_no_login_leads_to_another_site(clerk: Clerk) -> None:
    for address in ("//evil.example/", "https://evil.example", "/\\evil.example", "javascript:1", "/nowhere"):
        clerk.client.get("/login")
        clerk.open("/login")
        response = clerk.client.post(
            "/login",
            data={
                "csrf_token": clerk.page.split('name="csrf_token" value="')[1].split('"')[0],
                "login_id": "kocho",
                "password": PASSWORD,
                "next": address,
            },
        )
        assert response.headers["Location"] == "/"


def test_a_post_without_the_proof_of_our_form_does_nothing(clerk: Clerk) -> None:
    clerk.login("kocho")
    response = clerk.client.post("/logout")
    assert response.status_code == 400
    clerk.open("/")
    assert clerk.path == "/"
