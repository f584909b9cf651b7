"""What the guardian site refuses, keeps to itself, and says in other languages."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.errors import DatabaseUnavailable, KeyRefused
from appliance.keys import Purpose, Slot
from appliance.models import Child, Registration
from tests.web.guardian.conftest import Ward
from web.guardian.desk import KEY

Proof = Callable[[str], dict[str, str]]


def answers(ward: Ward) -> dict[str, object]:
    return {"school_class": ward.classes[0].id, "child_name": "山田 花子", "guardian_name": "山田 太郎"}


def test_no_page_sets_a_cookie(client: FlaskClient, ward: Ward, proof: Proof) -> None:
    link = ward.invite()
    replies = [client.get(f"/r/{link}{page}") for page in ("", "?lang=en", "/class", "/names")]
    replies += [
        client.post(f"/r/{link}/{step}", data=answers(ward) | proof(link)) for step in ("check", "done")
    ]
    replies += [client.get("/"), client.get("/nothing")]
    assert not any("Set-Cookie" in reply.headers for reply in replies)


@pytest.mark.parametrize("step", ["class", "names", "check", "done"])
def test_a_form_without_our_proof_is_not_taken(client: FlaskClient, ward: Ward, step: str) -> None:
    page = client.post(f"/r/{ward.invite()}/{step}", data=answers(ward) | {"csrf_token": "0" * 64})
    assert page.status_code == 400
    assert "ページを開き直して" in page.text
    assert Registration.get().state == "requested"


def test_the_proof_of_one_link_does_not_serve_another(client: FlaskClient, ward: Ward, proof: Proof) -> None:
    mine, theirs = ward.invite(), ward.invite("other@example.jp")
    assert client.post(f"/r/{theirs}/done", data=answers(ward) | proof(mine)).status_code == 400


def test_another_site_cannot_make_a_browser_register(client: FlaskClient, ward: Ward, proof: Proof) -> None:
    link = ward.invite()
    sent = client.post(
        f"/r/{link}/done", data=answers(ward) | proof(link), headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert sent.status_code == 403
    assert Registration.get().state == "requested"


def test_the_link_in_a_mail_may_be_opened_from_a_web_mailer(client: FlaskClient, ward: Ward) -> None:
    opened = client.get(
        f"/r/{ward.invite()}", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    )
    assert opened.status_code == 200


def test_a_page_is_not_kept_not_framed_and_sends_no_referrer(client: FlaskClient, ward: Ward) -> None:
    headers = client.get(f"/r/{ward.invite()}").headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_the_log_holds_no_link_no_name_and_no_address(
    client: FlaskClient, ward: Ward, proof: Proof, capfd: pytest.CaptureFixture[str]
) -> None:
    link = ward.invite()
    client.get(f"/r/{link}")
    client.post(f"/r/{link}/check", data=answers(ward) | proof(link))
    client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    client.post(f"/r/{link}/done", data=answers(ward))
    written = capfd.readouterr().err
    assert "form.register" in written
    for secret in (link, link[:12], "山田", "docomo", "/r/"):
        assert secret not in written


def test_an_unforeseen_fault_leaves_neither_link_nor_text_in_the_log(
    app: Flask,
    client: FlaskClient,
    ward: Ward,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("山田 花子 hanako.y@docomo.ne.jp")

    link = ward.invite()
    monkeypatch.setattr("appliance.registration.look", broken)
    page = client.get(f"/r/{link}")
    assert page.status_code == 500
    assert "こちらの不具合" in page.text
    written = capfd.readouterr().err
    assert "ValueError" in written
    assert not any(secret in written for secret in (link, "山田", "docomo"))


def test_with_the_database_away_nothing_is_claimed_to_be_registered(
    client: FlaskClient, ward: Ward, proof: Proof, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the database did not answer")

    link = ward.invite()
    monkeypatch.setattr("appliance.registration.confirm", away)
    page = client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    assert page.status_code == 503
    assert "まだ受け付けていません" in page.text
    assert int(page.headers["Retry-After"]) > 0


def test_this_zone_cannot_read_back_the_name_it_has_sealed(
    app: Flask, client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    client.post(f"/r/{link}/done", data=answers(ward) | proof(link))
    child = Child.select(Child).get()
    slot = Slot(Purpose.NAMES, "child", "name_sealed", ward.school.id, child.id)
    with pytest.raises(KeyRefused):
        app.extensions[KEY].keyring.open(slot, bytes(child.name_sealed))


def test_a_body_of_megabytes_is_refused_kindly(client: FlaskClient, ward: Ward, proof: Proof) -> None:
    link = ward.invite()
    page = client.post(
        f"/r/{link}/check", data=answers(ward) | proof(link) | {"child_name": "山" * 1_000_000}
    )
    assert page.status_code == 413
    assert "大きすぎます" in page.text


# --- languages


def test_a_browser_in_english_gets_english(client: FlaskClient, ward: Ward) -> None:
    page = client.get(f"/r/{ward.invite()}", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert '<html lang="en"' in page.text
    assert "Midori Daiichi Elementary School" in page.text


def test_the_chosen_language_stays_through_all_pages_without_a_cookie(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    page = client.get(f"/r/{link}?lang=en").text
    (following,) = re.findall(r'class="button" href="([^"]+)"', page)
    assert following.endswith("/class?lang=en")
    page = client.get(following).text
    assert 'name="lang" value="en"' in page  # a GET form replaces the query
    check = client.post(f"/r/{link}/check?lang=en", data=answers(ward) | proof(link)).text
    assert f'action="/r/{link}/done?lang=en"' in check
    done = client.post(f"/r/{link}/done?lang=en", data=answers(ward) | proof(link))
    assert urlsplit(done.headers["Location"]).query == "lang=en"
    assert "You are registered" in client.get(done.headers["Location"]).text


def test_changing_the_language_on_the_check_page_keeps_what_was_typed(
    client: FlaskClient, ward: Ward, proof: Proof
) -> None:
    link = ward.invite()
    page = client.post(f"/r/{link}/check", data=answers(ward) | proof(link)).text
    assert f'<form method="post" action="/r/{link}/check?lang=en">' in page
    switched = client.post(f"/r/{link}/check?lang=en", data=answers(ward) | proof(link)).text
    assert "Check before you register" in switched
    assert "山田 花子" in switched


def test_the_first_page_of_the_site_says_what_this_is(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "空メール" in page.text


def test_the_probe_asks_for_no_name_and_no_database(app: Flask) -> None:
    reply = app.test_client().get("/healthz", headers={"Host": "127.0.0.1:8001"})
    assert reply.status_code == 204
