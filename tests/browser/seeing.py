"""A site to look at, a window to look through, and the judgement of what is seen.

    with listening() as server:                       # a free port on loopback
        config = …origin = server.origin("admin")…    # http://admin.localhost:PORT
        server.serve(create_app(config))
        with opened(browser, origin, "phone") as page:
            page.goto("/")
            judge(page, "admin-home")

`SHOTS=folder pytest tests/browser` keeps a screenshot of every judged page.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from werkzeug.serving import BaseWSGIServer, make_server

WIDTHS = {"phone": (390, 844), "pc": (1280, 900)}
SMALLEST_TARGET = 44


class Listening:
    """A threaded WSGI server whose port is known before its application is made."""

    def __init__(self) -> None:
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def origin(self, name: str) -> str:
        """`http://<name>.localhost:<port>`; browsers take it to loopback and trust it like https."""
        return f"http://{name}.localhost:{self._server.server_port}"

    def serve(self, application: Any) -> None:
        self._server.app = application
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


@contextmanager
def listening() -> Iterator[Listening]:
    server = Listening()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def opened(browser: Browser, origin: str, width: str = "pc", **options: Any) -> Iterator[Page]:
    """A fresh window in Japanese. Fails at its end if the page complained on the console (CSP, scripts)."""
    across, down = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": across, "height": down}, base_url=origin, **({"locale": "ja-JP"} | options)
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    # A status of 4xx is reported on the console too; anything else is ours.
    assert [text for text in complaints if "status of 4" not in text] == []


def judge(page: Page, name: str) -> None:
    """No barrier that axe-core knows, no sideways scrolling, nothing to tap lower than 44 pixels."""
    page.wait_for_load_state("load")  # a click returns when the next page begins, not when it is there
    width = page.viewport_size["width"] if page.viewport_size else 0
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    low = page.eval_on_selector_all(
        "a[href], button, select, textarea, input:not([type=hidden])",
        """(all, smallest) => all
            .filter(each => !each.closest('.skip') && each.checkVisibility())
            .map(each => each.closest('label.choice') || each)
            .map(area => [area.outerHTML.slice(0, 80), area.getBoundingClientRect().height])
            .filter(([, height]) => height < smallest)""",
        SMALLEST_TARGET,
    )
    assert low == []
