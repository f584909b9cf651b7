"""The one script: live numbers, said to be old when they are, on a small site of its own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import abort, render_template_string
from playwright.sync_api import Browser, Page, expect

from appliance import config as configuration
from appliance import keys
from appliance.config import Zone
from tests.browser.seeing import listening, opened
from tests.support.settings import write_settings
from web.common import create, public

pytestmark = [pytest.mark.chromium, pytest.mark.slow]
PAGE = """{% extends "base.html" %}{% block title %}配信状況{% endblock %}
{% block main %}<h1>配信状況</h1>{{ fragment }}{% endblock %}"""


class Broadcast:
    """Counts up by one with every question, unless the server is too busy."""

    def __init__(self) -> None:
        self.counts = itertools.count()
        self.busy = False
        self.last = 5

    def fragment(self) -> str:
        if self.busy:
            abort(429)
        count = next(self.counts)
        live = "" if count >= self.last else ' data-refresh-url="/count" data-refresh-s="0.1"'
        return f'<p id="count"{live}>{count}</p>'


@pytest.fixture
def broadcast() -> Broadcast:
    return Broadcast()


@pytest.fixture
def page(browser: Browser, broadcast: Broadcast, tmp_path: Path) -> Iterator[Page]:
    with listening() as server:
        path = write_settings(tmp_path, f"sqlite:///{tmp_path}/unused.db")
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("http://admin.midori.example", server.origin("admin")), "utf-8")
        keys.create_secrets(tmp_path / "secrets")
        config = configuration.load(path)
        app = create(Zone.ADMIN, config, "web.common", title="管理者サイト")

        @app.get("/")
        @public
        def home() -> str:
            return render_template_string(PAGE.replace("{{ fragment }}", broadcast.fragment()))

        @app.get("/count")
        @public
        def count() -> str:
            return broadcast.fragment()

        server.serve(app)
        with opened(browser, server.origin("admin")) as page:
            yield page


def test_numbers_refresh_themselves_until_the_end(page: Page, broadcast: Broadcast) -> None:
    page.goto("/")
    expect(page.locator("#count")).to_have_text("5")
    expect(page.locator("[data-refresh-url]")).to_have_count(0)


def test_numbers_that_are_no_longer_live_say_so_and_recover(
    browser: Browser, page: Page, broadcast: Broadcast
) -> None:
    broadcast.last = 1_000_000
    page.goto("/")
    broadcast.busy = True
    expect(page.locator("#count.stale")).to_be_visible()
    broadcast.busy = False
    expect(page.locator("#count:not(.stale)")).to_be_visible()
