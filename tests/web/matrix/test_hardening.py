"""What holds for every address of the three sites, whoever asks: headers, proof, origin, cookies, bodies."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, request

from appliance.actor import Role
from appliance.config import Config, Zone
from tests.web.common.visitor import Visitor, visit
from tests.web.matrix.walking import Question, Walk, objects, people, questions
from tests.web.staff.ward import PASSWORD, Ward
from web.admin.app import create_app as create_admin
from web.common import edge
from web.guardian.app import create_app as create_guardian
from web.sender.app import create_app as create_sender

CREATE: dict[Zone, Callable[[Config], Flask]] = {
    Zone.ADMIN: create_admin,
    Zone.SENDER: create_sender,
    Zone.GUARDIAN: create_guardian,
}
WANTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}
NOT_OURS = ("Server", "X-Powered-By", "Access-Control-Allow-Origin", "X-AspNet-Version")
TOO_LARGE = "x=" + "1" * 70_000


def as_on_a_node(config: Config) -> Config:
    """By https, and no demo."""
    origins = {
        zone.value: config.site(zone).model_copy(
            update={"origin": config.site(zone).origin.replace("http:", "https:")}
        )
        for zone in CREATE
    }
    return config.model_copy(update={"demo": False, **origins})


@pytest.fixture(params=CREATE)
def app(request: pytest.FixtureRequest, ward: Ward) -> Flask:
    return CREATE[request.param](as_on_a_node(ward.config))


@pytest.fixture
def visitor(app: Flask, ward: Ward) -> Visitor:
    """Who may do most on a staff site; somebody with a link that leads nowhere on the guardian site."""
    if "session" not in app.blueprints:
        return visit(app)
    people(ward)
    return Walk.of(app, ward, Role.PRINCIPAL).client


@pytest.fixture
def addresses(app: Flask, ward: Ward) -> list[tuple[Question, str]]:
    ids = objects(ward, ward.school, "kocho") | {"token": "a" * 26}

    def each() -> Iterator[tuple[Question, str]]:
        with app.test_request_context():
            adapter = app.url_map.bind("")
            for question, rule in questions(app):
                yield question, adapter.build(rule.endpoint, {name: ids[name] for name in rule.arguments})

    return sorted(each(), key=lambda pair: pair[0].endpoint == "session.logout")


def held(headers: object, what: str) -> None:
    for name, value in WANTED.items():
        assert headers.get(name) == value, f"{what}: {name}"  # type: ignore[attr-defined]
    policy = headers.get("Content-Security-Policy", "")  # type: ignore[attr-defined]
    assert policy.startswith("default-src 'none'; "), what
    for word in ("unsafe", "*", "http:", "https:"):
        assert word not in policy, what
    for directive in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert directive in policy, what
    assert "camera=()" in headers.get("Permissions-Policy", ""), what  # type: ignore[attr-defined]
    for name in NOT_OURS:
        assert name not in headers, f"{what}: {name}"  # type: ignore[operator]


def test_every_answer_has_every_header(visitor: Visitor, addresses: list[tuple[Question, str]]) -> None:
    """Pages, refusals, files, redirects; HEAD and unknown methods too."""
    asked = 0
    for question, path in addresses:
        for method in {question.method, "HEAD", "PUT", "TRACE"}:
            response = visitor.open(path, method=method)
            held(response.headers, f"{method} {path}")
            immutable = "immutable" in response.headers["Cache-Control"]
            assert immutable or response.headers["Cache-Control"] == "no-store", path
            if response.data:
                kind = response.headers["Content-Type"]
                assert kind.endswith("charset=utf-8") or kind.startswith("image/svg+xml"), (path, kind)
            asked += 1
    assert asked > 40


def test_a_head_asks_and_never_acts(
    app: Flask, visitor: Visitor, addresses: list[tuple[Question, str]]
) -> None:
    """To the views it is a GET, so that none takes it for a form; its body is thrown away."""
    seen = []
    app.before_request_funcs.setdefault(None, []).insert(0, lambda: seen.append(request.method))
    asked = {path for question, path in addresses if question.method == "GET"}
    for path in asked:
        assert visitor.open(path, method="HEAD").data == b"", path
    assert seen == ["GET"] * len(asked)


def test_a_get_with_a_form_in_its_body_brings_no_form(
    app: Flask, visitor: Visitor, addresses: list[tuple[Question, str]]
) -> None:
    """Whoever sends one has no proof that he saw a page of ours, and is not asked anew who he is."""
    brought: list[str] = []
    app.before_request_funcs.setdefault(None, []).insert(0, lambda: brought.extend(request.form))
    for question, path in addresses:
        if question.method == "GET":
            visitor.open(path, method="GET", data={"decision": "approve", "device": "1", "action": "end"})
    assert brought == []


@pytest.mark.parametrize("path", ["/nothing", "/%00", "/%ff", "/../etc/passwd", "/assets/../app.py"])
def test_errors_have_them_too(visitor: Visitor, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code in (400, 404)
    held(response.headers, path)


def test_two_slashes_lead_nowhere_else(visitor: Visitor, app: Flask) -> None:
    for path in ("//", "//evil.example", "//evil.example/%2e%2e"):
        response = visitor.get(path)
        assert response.status_code in (308, 404)
        held(response.headers, path)
        origin = app.extensions["karamail.site"].origin
        assert response.headers.get("Location", origin).startswith((origin, "/evil", "/%2e", "/"))
        assert not response.headers.get("Location", "").startswith("//")


def test_a_foreign_host_gets_them_too(app: Flask) -> None:
    response = app.test_client().get("/", headers={"Host": "evil.example"})
    assert response.status_code == 421
    held(response.headers, "foreign host")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["", "evil.example", "admin.midori.example.evil.example", "admin.midori.example@evil.example"]
)
def test_no_other_host_name_is_answered(app: Flask, host: str) -> None:
    for header in ({"Host": host}, {"Host": host, "X-Forwarded-Host": "admin.midori.example"}):
        assert app.test_client().get("/", headers=header).status_code == 421


def test_another_host_in_a_forwarded_header_changes_no_link(visitor: Visitor) -> None:
    response = visitor.get("/", headers={"X-Forwarded-Host": "evil.example", "X-Original-URL": "/x"})
    assert "evil.example" not in response.text
    assert "evil.example" not in response.headers.get("Location", "")


def test_no_page_has_code_or_style_inside(visitor: Visitor, addresses: list[tuple[Question, str]]) -> None:
    for question, path in addresses:
        if question.method != "GET":
            continue
        page = visitor.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), path
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page), path


def test_every_post_needs_its_proof(
    visitor: Visitor, addresses: list[tuple[Question, str]], app: Flask
) -> None:
    for question, path in addresses:
        view = app.view_functions[question.endpoint]
        if question.method == "POST" and not getattr(view, "karamail_unproved", False):
            for data in ({}, {"csrf_token": ""}, {"csrf_token": "a" * 90}):
                assert visitor.post(path, data=data).status_code == 400, path


def test_only_one_click_unsubscribing_works_without_a_page(app: Flask) -> None:
    unproved = {
        endpoint for endpoint, view in app.view_functions.items() if getattr(view, "karamail_unproved", False)
    }
    assert unproved == ({"routine.switch"} if "routine" in app.blueprints else set())


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://admin.midori.example"},
    ],
)
def test_no_post_from_elsewhere(
    visitor: Visitor, addresses: list[tuple[Question, str]], headers: dict[str, str]
) -> None:
    for question, path in addresses:
        if question.method == "POST":
            assert visitor.post(path, headers=headers).status_code == 403, path


def test_no_page_may_be_a_part_of_another(visitor: Visitor, addresses: list[tuple[Question, str]]) -> None:
    for question, path in addresses:
        if question.method == "GET" and question.endpoint != "healthz":
            for headers in (
                {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
                {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
                {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
            ):
                assert visitor.get(path, headers=headers).status_code == 403, path


def test_every_cookie_is_bound_to_its_host(app: Flask, ward: Ward) -> None:
    client = visit(app)
    given: list[str] = []
    if "session" in app.blueprints:
        page = client.get("/login")
        given += page.headers.getlist("Set-Cookie")
        proof = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        fields = {"csrf_token": proof, "login_id": "kocho", "password": PASSWORD}
        given += client.post("/login", data=fields).headers.getlist("Set-Cookie")
        assert len(given) >= 2
    else:
        given += client.get("/").headers.getlist("Set-Cookie")
        assert given == []
    for cookie in given:
        assert cookie.startswith("__Host-karamail_"), cookie
        parts = {part.strip().partition("=")[0].lower(): part.strip() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "path", "samesite"} <= parts.keys(), cookie
        assert (parts["path"], parts["samesite"]) == ("Path=/", "SameSite=Lax")
        assert "domain" not in parts


def test_no_address_takes_a_body_that_is_too_large(
    visitor: Visitor, addresses: list[tuple[Question, str]]
) -> None:
    for question, path in addresses:
        if question.method == "POST":
            response = visitor.post(path, data=TOO_LARGE, content_type="application/x-www-form-urlencoded")
            assert response.status_code == 413, path


def test_no_address_takes_a_file_or_many_parts(
    visitor: Visitor, addresses: list[tuple[Question, str]]
) -> None:
    """No page of ours has an upload; hundreds of parts are refused."""
    many = {f"part{number}": "x" for number in range(300)}
    for question, path in addresses:
        if question.method == "POST":
            response = visitor.post(path, data=many, content_type="multipart/form-data")
            assert response.status_code in (400, 404, 413), path


@pytest.mark.parametrize(
    "value", ["9" * 5000, "-1", "1e9", "٣", "0x10", "", "\0", "a\0b", "%s", "' OR 1=1 --"]
)
def test_whatever_stands_in_a_field_is_no_fault_of_ours(
    visitor: Visitor, addresses: list[tuple[Question, str]], value: str
) -> None:
    """Numbers no computer has, digits of other scripts, nothing: an answer, never a 500."""
    names = (
        "addresses", "school", "school_id", "school_class", "classes", "page", "urgent", "category", "scope",
        "typed", "login_id", "password", "old", "new", "subject", "body", "child_name",
        "guardian_name", "lang", "next", "once_key", "seen", "class", "shown",
    )  # fmt: skip
    login = visitor.get("/login")
    found = re.search(r'name="csrf_token" value="([^"]+)"', login.text)
    fields = dict.fromkeys(names, value)
    for question, path in addresses:
        if question.endpoint == "session.logout":
            continue
        query = dict.fromkeys(("page", "school", "class", "lang", "next"), value[:1500])
        assert visitor.get(path, query_string=query).status_code < 500, path
        if question.method == "POST":
            data = fields | {"csrf_token": found[1] if found else ""}
            assert visitor.post(path, data=data).status_code < 500, path


def test_one_place_writes_them() -> None:
    """A view that set a policy of its own would be an exception nobody sees."""
    web = Path(edge.__file__).parents[1]
    for path in web.rglob("*.py"):
        if path.name not in ("headers.py", "edge.py"):
            text = path.read_text(encoding="utf-8")
            for name in (
                "Content-Security-Policy",
                "Access-Control",
                "Permissions-Policy",
            ):
                assert name not in text, f"{path.name}: {name}"
