"""Headers, cookies, error pages and log lines, the same on every site."""

import json
import re
from collections.abc import Callable

import pytest
from flask import Flask, request

from appliance.config import Config, Zone
from tests.web.common.visitor import visit
from web.common import errorpages

Small = Callable[..., Flask]


def test_every_answer_carries_the_policy(node_config: Config, small_site: Small) -> None:
    visitor = visit(small_site(node_config))
    for address in ("/", "/inner", "/nothing", "/fail/boom", "/healthz", "/assets/karamail.css"):
        headers = visitor.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_no_hsts_where_there_is_no_https(demo_config: Config, small_site: Small) -> None:
    assert "Strict-Transport-Security" not in visit(small_site(demo_config)).get("/").headers


def test_only_a_fingerprinted_file_may_be_kept(demo_config: Config, small_site: Small) -> None:
    page = visit(small_site(demo_config)).get("/nothing").text
    (address,) = re.findall(r'href="(/assets/karamail\.css\?v=[0-9a-f]+)"', page)
    assert "immutable" in visit(small_site(demo_config)).get(address).headers["Cache-Control"]


# --- cookies


def test_cookies_of_a_node_are_bound_to_host_https_and_server(node_config: Config, small_site: Small) -> None:
    visitor = visit(small_site(node_config))
    for address, name in (
        ("/", "__Host-karamail_admin"),
        ("/login", "__Host-karamail_admin_session"),
        ("/device", "__Host-karamail_admin_device"),
    ):
        cookie = visitor.get(address).headers["Set-Cookie"]
        assert cookie.startswith(f"{name}=")
        for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert flag in cookie
        assert "Domain" not in cookie
    assert visitor.get("/whoami").text == "opaque"


def test_the_demo_has_names_without_prefix_because_it_has_no_https(
    demo_config: Config, small_site: Small
) -> None:
    cookie = visit(small_site(demo_config)).get("/").headers["Set-Cookie"]
    assert cookie.startswith("karamail_admin=")
    assert "Secure" not in cookie


def test_a_cookie_of_one_site_is_worth_nothing_on_another(demo_config: Config, small_site: Small) -> None:
    """Same value under the other site's name: the secrets differ."""
    admin = visit(small_site(demo_config, Zone.ADMIN))
    token = admin.get("/").text
    value = admin.get_cookie("karamail_admin", domain="admin.midori.example")
    assert value is not None
    sender = visit(small_site(demo_config, Zone.SENDER))
    sender.set_cookie("karamail_sender", value.value, domain="sender.midori.example")
    assert sender.post("/act", data={"csrf_token": token}).status_code == 400


# --- error pages


@pytest.mark.parametrize(
    ("how", "status"),
    [("notyours", 404), ("notallowed", 403), ("wrongstate", 409), ("away", 503), ("boom", 500)],
)
def test_the_domains_refusals_become_pages_in_two_languages(
    demo_config: Config, small_site: Small, how: str, status: int
) -> None:
    reply = visit(small_site(demo_config)).get(f"/fail/{how}")
    assert reply.status_code == status
    words = errorpages.WORDS[status]
    assert words.title in reply.text
    assert words.next in reply.text
    assert words.title_en in reply.text
    assert "docomo" not in reply.text


def test_an_object_of_another_school_looks_like_one_that_is_not_there(
    demo_config: Config, small_site: Small
) -> None:
    visitor = visit(small_site(demo_config))
    foreign, absent = visitor.get("/fail/notyours"), visitor.get("/nothing")
    assert (foreign.status_code, foreign.text) == (absent.status_code, absent.text)


def test_a_body_over_the_limit_is_refused(demo_config: Config, small_site: Small) -> None:
    visitor = visit(small_site(demo_config, max_body_bytes=1000))
    token = visitor.get("/").text
    reply = visitor.post("/act", data={"csrf_token": token, "text": "あ" * 1000})
    assert reply.status_code == 413
    assert "大きすぎます" in reply.text


def test_every_refusal_says_what_to_do_and_blames_nobody() -> None:
    for words in (*errorpages.WORDS.values(), errorpages.STALE_FORM):
        assert words.next.endswith("ください。")
        assert not re.search("不正|違反|エラー|invalid|illegal|wrong with your", words.title + words.next_en)


# --- the log


def test_one_event_per_request_and_no_address_in_it(
    demo_config: Config, small_site: Small, capfd: pytest.CaptureFixture[str]
) -> None:
    visitor = visit(small_site(demo_config))
    visitor.get("/?name=山田")
    visitor.get("/fail/boom")
    visitor.get("/r/secret-token")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    requests = [line for line in lines if line["event"] == "web.request"]
    assert [(line["endpoint"], line["status"]) for line in requests] == [
        ("home", 200),
        ("fail", 500),
        ("none", 404),
    ]
    assert "secret-token" not in str(lines)
    assert "docomo" not in str(lines)


def test_a_proxy_in_front_is_believed_only_as_far_as_configured(
    demo_config: Config, small_site: Small
) -> None:
    for hops, expected in ((0, "127.0.0.1"), (1, "203.0.113.9")):
        site = demo_config.admin.model_copy(update={"proxy_hops": hops})
        app = small_site(demo_config.model_copy(update={"admin": site}))
        seen: list[str | None] = []
        app.before_request(lambda seen=seen: seen.append(request.remote_addr))
        visit(app).get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
        assert seen == [expected]
