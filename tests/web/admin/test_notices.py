"""お知らせ先 on the page: where to send the empty mail, and that it has come."""

import os
import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask

from appliance import address, clock, notice
from appliance.config import Zone
from appliance.errors import TokenUnknown
from appliance.models import NoticeAddress
from tests.web.staff.ward import PASSWORD, Clerk, Ward

PAGE = "/account/notices"
PHONE = "sensei.jitaku@docomo.ne.jp"


@pytest.fixture
def sensei(admin: Flask) -> Clerk:
    clerk = Clerk(admin)
    clerk.login("sensei")
    clerk.open(PAGE)
    return clerk


def shown(clerk: Clerk) -> str:
    """The local part of the address on the screen."""
    found = re.search(r"(oshirase-[a-z2-7]{26})@touroku\.midori\.example", clerk.page)
    assert found is not None, clerk.page
    return found[1]


def write_to(ward: Ward, local: str) -> None:
    notice.take(ward.keyring(Zone.MAIL), local, address.parse(PHONE), os.urandom(32), clock.now())


def test_the_address_on_the_screen_is_the_one_that_sets_it(sensei: Clerk, ward: Ward) -> None:
    assert "お知らせ先は、まだありません" in sensei.page
    sensei.send()
    link = re.search(r'href="(mailto:[^"]+)"', sensei.page)
    assert link is not None
    target = urlsplit(unescape(link[1]))
    assert target.path == f"{shown(sensei)}@touroku.midori.example"
    assert parse_qs(target.query).keys() == {"subject", "body"}, "some phones send nothing else"
    assert "data:image/svg+xml" in sensei.page
    write_to(ward, shown(sensei))
    sensei.open(PAGE)
    assert "から届いています" in sensei.page
    assert "まだ送っていません" in sensei.page


def test_no_mail_address_is_asked_for_or_shown(sensei: Clerk, ward: Ward) -> None:
    sensei.send()
    assert 'type="email"' not in sensei.page
    write_to(ward, shown(sensei))
    sensei.open(PAGE)
    assert PHONE not in sensei.page
    assert "docomo" not in sensei.page


def test_the_page_in_english_still_shows_the_same_address(sensei: Clerk, ward: Ward) -> None:
    sensei.send()
    before = shown(sensei)
    sensei.send(f"{PAGE}?lang=en", local=before)
    assert "send an empty mail" in sensei.page.lower()
    assert shown(sensei) == before
    write_to(ward, before)


def test_an_address_from_somebody_elses_page_is_not_shown_as_ones_own(sensei: Clerk) -> None:
    sensei.send(f"{PAGE}?lang=en", local="oshirase-" + "a" * 26)
    assert shown(sensei) != "oshirase-" + "a" * 26


def test_who_left_the_screen_open_proves_who_is_there(sensei: Clerk) -> None:
    with time_machine.travel(clock.now() + timedelta(minutes=20)):
        sensei.send()
        assert sensei.status == 401
        assert not NoticeAddress.select().exists()
        sensei.send(PAGE, proof__password=PASSWORD)
        shown(sensei)


def test_the_end_takes_the_address_away(sensei: Clerk, ward: Ward) -> None:
    sensei.send()
    local = shown(sensei)
    write_to(ward, local)
    sensei.open(PAGE)
    sensei.send(f"{PAGE}/end")
    assert "お知らせ先は、まだありません" in sensei.page
    with pytest.raises(TokenUnknown):
        write_to(ward, local)


def test_the_send_only_site_has_no_such_page(sender: Flask) -> None:
    clerk = Clerk(sender)
    clerk.login("sensei")
    clerk.open(PAGE)
    assert clerk.status == 404
