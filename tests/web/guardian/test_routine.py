"""Where the unsubscribe header of a routine mail leads: routine mail off, on again, urgent mail never."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from appliance import clock, keystore, registration
from appliance.config import Zone
from appliance.models import Address, Registration
from appliance.registration.routine import SECRET, stop_token
from tests.web.guardian.conftest import Ward

Proof = Callable[[str], dict[str, str]]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def link(ward: Ward) -> str:
    """From the header of a routine mail to Hanako's mother."""
    ward.invite()
    key = keystore.open_keyring(ward.config, Zone.MAIL).secret(SECRET)
    return f"/u/{stop_token(key, Address.get().id)}"


@pytest.fixture
def form_proof(client: FlaskClient, link: str) -> dict[str, str]:
    """What our own page puts into its form."""
    text = client.get(link).text
    return {"csrf_token": text.partition('name="csrf_token" value="')[2].partition('"')[0]}


def is_off() -> bool:
    return Address.get().routine_off_at is not None


def test_the_mail_providers_one_click_needs_neither_cookie_nor_page(client: FlaskClient, link: str) -> None:
    answer = client.post(link, data=ONE_CLICK)
    assert answer.status_code == 200  # RFC 8058 3.1: no redirect
    assert "Set-Cookie" not in answer.headers
    assert is_off()


def test_the_one_click_may_come_as_multipart(client: FlaskClient, link: str) -> None:
    """RFC 8058 3.2: multipart/form-data SHOULD, urlencoded MAY."""
    assert client.post(link, data=ONE_CLICK, content_type="multipart/form-data").status_code == 200
    assert is_off()


def test_a_second_click_says_the_same(client: FlaskClient, link: str) -> None:
    client.post(link, data=ONE_CLICK)
    first = Address.get().routine_off_at
    assert client.post(link, data=ONE_CLICK).status_code == 200
    assert Address.get().routine_off_at == first


def test_opening_the_link_explains_and_changes_nothing(client: FlaskClient, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    assert "緊急の連絡は、止まりません。" in page.text
    assert "みどり第一小学校" in page.text
    assert "docomo" not in page.text
    assert not is_off()


def test_a_scanner_that_looks_with_head_changes_nothing(client: FlaskClient, link: str) -> None:
    client.head(link)
    assert not is_off()


def test_a_person_stops_routine_mail_and_takes_it_up_again(
    client: FlaskClient, link: str, form_proof: dict[str, str]
) -> None:
    stopped = client.post(link, data=form_proof | {"routine": "off"}, follow_redirects=True)
    assert is_off()
    assert "通常の連絡を止めています" in stopped.text
    resumed = client.post(link, data=form_proof | {"routine": "on"}, follow_redirects=True)
    assert not is_off()
    assert "通常の連絡を止めますか" in resumed.text


def test_the_page_speaks_english(client: FlaskClient, link: str) -> None:
    page = client.get(link + "?lang=en").text
    assert "Urgent mail does not stop." in page
    assert "Midori Daiichi Elementary School" in page


@pytest.mark.parametrize("body", [{}, {"routine": "off"}, {"List-Unsubscribe": "yes"}])
def test_any_other_post_needs_the_proof_of_our_page(
    client: FlaskClient, link: str, body: dict[str, str]
) -> None:
    assert client.post(link, data=body).status_code == 400
    assert not is_off()


def test_another_page_cannot_make_a_browser_click(client: FlaskClient, link: str) -> None:
    sent = client.post(link, data=ONE_CLICK, headers={"Sec-Fetch-Site": "cross-site"})
    assert sent.status_code == 403
    assert not is_off()


@pytest.mark.parametrize(
    "harm", [lambda t: t[:-1], lambda t: t[:-1] + ("a" if t[-1] != "a" else "b"), str.upper]
)
def test_a_link_that_we_did_not_write_leads_nowhere(
    client: FlaskClient, link: str, harm: Callable[[str], str]
) -> None:
    wrong = "/u/" + harm(link.removeprefix("/u/"))
    shown, clicked = client.get(wrong), client.post(wrong, data=ONE_CLICK)
    if harm is str.upper:  # a mail program that shouts: the same link
        assert (shown.status_code, clicked.status_code) == (200, 200)
    else:
        assert (shown.status_code, clicked.status_code) == (404, 404)
        assert "学校に知らせてください" in shown.text
        assert not is_off()


def test_the_link_of_one_guardian_does_nothing_to_another(client: FlaskClient, ward: Ward, link: str) -> None:
    ward.invite("jiro@ezweb.ne.jp")
    client.post(link, data=ONE_CLICK)
    assert Address.select().where(Address.routine_off_at.is_null()).count() == 1


def test_a_link_of_a_removed_registrant_leads_nowhere(client: FlaskClient, link: str) -> None:
    Registration.update(state="withdrawn", ended_at=clock.now()).execute()
    assert client.post(link, data=ONE_CLICK).status_code == 404


def test_the_log_holds_no_link(client: FlaskClient, link: str, capfd: pytest.CaptureFixture[str]) -> None:
    client.get(link)
    client.post(link, data=ONE_CLICK)
    written = capfd.readouterr().err
    assert "routine.switched" in written
    assert link[3:] not in written
    assert urlencode(ONE_CLICK) not in written


def test_registering_again_brings_routine_mail_back(client: FlaskClient, ward: Ward, link: str) -> None:
    client.post(link, data=ONE_CLICK)
    registration.confirm(
        keystore.open_keyring(ward.config, Zone.GUARDIAN), ward.invite(),
        school_class_id=ward.classes[0].id, child_name="山田 花子", guardian_name="山田 太郎",
        now=Address.get().created_at,
    )  # fmt: skip
    assert not is_off()
