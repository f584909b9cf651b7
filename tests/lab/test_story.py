"""What people see of three nodes: the empty mail is answered, the link opens, staff log in."""

import email
import re
from email.policy import default

import pytest

from demo.carriers.mailboxes import Mail
from tests.lab import people, places
from tests.lab.people import Browser
from tests.lab.ward import PASSWORD, Founded
from tests.support.waiting import until

_REPLY_S = 30.0


def text_of(mail: Mail) -> str:
    body = email.message_from_bytes(mail.content, policy=default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize(("slug", "node"), [("hanako", "n1"), ("sunita", "n2"), ("emma", "n3")])
def test_an_empty_mail_to_any_node_is_answered_and_its_link_opens(
    school: Founded, slug: str, node: str
) -> None:
    guardian = people.phone(slug)
    before = len(people.inbox(guardian))

    code, words = people.send_empty_mail(guardian, school.code, places.BY_NAME[node])
    assert code == 250, words

    until(lambda: len(people.inbox(guardian)) > before, within_s=_REPLY_S, why="the reply")
    mail = people.inbox(guardian)[0]
    assert mail.encrypted
    link = re.search(rf"https://{re.escape(places.SITES['guardian'])}/\S+", text_of(mail))
    assert link, text_of(mail)
    with Browser("guardian") as browser:
        page = browser.open(link[0])
    assert page.status_code == 200
    assert "みなも小学校" in page.text


def test_the_principal_logs_in_on_the_administration_site(school: Founded) -> None:
    with Browser("admin") as browser:
        page = browser.open("/login")
        home = browser.submit("/login", page, login_id="kouchou", password=PASSWORD)
        assert home.status_code == 200
        assert "みなも小学校" in home.text


def test_a_wrong_password_does_not(school: Founded) -> None:
    with Browser("admin") as browser:
        page = browser.open("/login")
        refused = browser.submit("/login", page, login_id="kouchou", password="sakura-2026-sakura")
        assert refused.status_code in (200, 401, 403, 422)
        assert "みなも小学校" not in refused.text


def test_the_administration_site_is_closed_to_strangers() -> None:
    with Browser("admin", source=places.ATTACKER, at=places.VIRTUAL) as browser:
        assert browser.open("/login").status_code == 403


@pytest.mark.parametrize("site", ["admin", "sender"])
def test_a_device_that_nobody_enrolled_is_not_asked_for_a_password(site: str) -> None:
    with Browser(site, unknown=True) as browser:
        page = browser.open("/login")
    assert page.status_code == 403
    assert "まだ登録されていません" in page.text
    assert 'name="password"' not in page.text


def test_who_asks_for_no_name_of_ours_gets_no_handshake() -> None:
    with Browser("guardian") as browser:
        browser.name = "other.example"
        with pytest.raises(Exception, match=r"(?i)unrecognized|handshake|alert|eof"):
            browser.open("/")
