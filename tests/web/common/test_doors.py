"""A site is closed until a view is opened; what comes from elsewhere does not act."""

from collections.abc import Callable

import pytest
from flask import Flask

from appliance.config import Config, Zone
from appliance.errors import SecretMissing
from tests.web.common.visitor import visit
from web.common import create
from web.common.gate import is_public

Small = Callable[..., Flask]


def test_a_view_that_nobody_opened_does_not_exist(demo_config: Config, small_site: Small) -> None:
    assert visit(small_site(demo_config)).get("/inner").status_code == 404


def test_with_a_guard_a_view_opens_to_whom_the_guard_lets_in(demo_config: Config, small_site: Small) -> None:
    answers: list[object] = [("log in first", 401), None]
    visitor = visit(small_site(demo_config, guard=lambda: answers.pop(0)))
    assert visitor.get("/inner").status_code == 401
    assert visitor.get("/inner").text == "inner"
    assert visitor.get("/").status_code == 200  # public: the guard, now empty, is not asked


def test_without_its_credential_a_site_does_not_start(demo_config: Config) -> None:
    (demo_config.secrets_dir / "sender" / "cookie").unlink()
    with pytest.raises(SecretMissing, match="cookie"):
        create(Zone.SENDER, demo_config, "web.common", title="送信専用サイト")


@pytest.mark.parametrize(
    "host", ["evil.example", "admin.midori.example.evil.example", "admin.midori.example:81", ""]
)
def test_a_foreign_host_name_gets_no_page(demo_config: Config, small_site: Small, host: str) -> None:
    reply = small_site(demo_config).test_client().get("/", headers={"Host": host})
    assert reply.status_code == 421
    assert "Set-Cookie" not in reply.headers


def test_the_host_name_may_come_in_capitals_and_with_its_port(demo_config: Config, small_site: Small) -> None:
    for host in ("ADMIN.midori.example", "admin.midori.example:80"):
        assert small_site(demo_config).test_client().get("/", headers={"Host": host}).status_code == 200


def test_a_post_needs_the_token_of_this_session(demo_config: Config, small_site: Small) -> None:
    visitor = visit(small_site(demo_config))
    token = visitor.get("/").text
    assert visitor.post("/act", data={"csrf_token": token}).text == "acted"
    assert visitor.post("/act").status_code == 400
    stranger = visit(visitor.application)
    stranger.get("/")
    refused = stranger.post("/act", data={"csrf_token": token})
    assert refused.status_code == 400
    assert "ページを開き直して" in refused.text


def test_the_token_holds_behind_https_although_no_referrer_is_sent(
    node_config: Config, small_site: Small
) -> None:
    visitor = visit(small_site(node_config))
    token = visitor.get("/").text
    assert visitor.post("/act", data={"csrf_token": token}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://admin.midori.example"}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "http://sender.midori.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"}, 403),
    ],
)
def test_a_post_acts_only_from_our_own_pages(
    demo_config: Config, small_site: Small, headers: dict[str, str], status: int
) -> None:
    visitor = visit(small_site(demo_config))
    token = visitor.get("/").text
    assert visitor.post("/act", data={"csrf_token": token}, headers=headers).status_code == status


@pytest.mark.parametrize(("mode", "status"), [("navigate", 200), ("no-cors", 403), ("cors", 403)])
def test_another_site_may_link_here_but_not_load_our_pages(
    demo_config: Config, small_site: Small, mode: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode}
    assert visit(small_site(demo_config)).get("/", headers=headers).status_code == status


def test_the_matrix_can_ask_which_views_are_public(demo_config: Config, small_site: Small) -> None:
    app = small_site(demo_config)
    assert {name for name in app.view_functions if not is_public(app, name)} == {"inner"}


def test_unknown_methods_are_refused(demo_config: Config, small_site: Small) -> None:
    visitor = visit(small_site(demo_config))
    for method in ("OPTIONS", "PUT", "TRACE"):
        reply = visitor.open("/", method=method)
        assert reply.status_code == 405
        assert "GET" in reply.headers["Allow"]
