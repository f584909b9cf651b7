"""A small site of our own, once by https as on a node and once by http as in the demo."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask, session

from appliance import clock, keys
from appliance import config as configuration
from appliance.config import Config, Zone
from appliance.errors import DatabaseUnavailable, NotAllowed, NotYours, WrongState
from tests.support.settings import on_a_node, write_settings
from web.common import cookies, create, public


@pytest.fixture
def demo_config(tmp_path: Path) -> Config:
    return _config(_file(tmp_path / "demo"))


@pytest.fixture
def node_config(tmp_path: Path) -> Config:
    return _config(on_a_node(_file(tmp_path / "node")))


def _file(folder: Path) -> Path:
    return write_settings(folder, f"sqlite:///{folder}/karamail.db")


def _config(path: Path) -> Config:
    keys.create_secrets(path.parent / "secrets")
    return configuration.load(path)


@pytest.fixture
def small_site() -> Callable[..., Flask]:
    return _small_site


def _small_site(config: Config, zone: Zone = Zone.ADMIN, **options: object) -> Flask:
    """Pages: / (public), /act (public POST), /inner (guarded), /fail/<how>."""
    app = create(zone, config, "web.common", title="管理者サイト", **options)  # type: ignore[arg-type]
    faults = {
        "notyours": NotYours("broadcast 7"),
        "notallowed": NotAllowed("role"),
        "wrongstate": WrongState("sent"),
        "away": DatabaseUnavailable("gone"),
        "boom": ValueError("taro@docomo.ne.jp"),
    }

    @app.get("/")
    @public
    def home() -> str:
        session["seen"] = "yes"
        return app.jinja_env.globals["csrf_token"]()  # type: ignore[operator,no-any-return]

    @app.post("/act")
    @public
    def act() -> str:
        return "acted"

    @app.get("/inner")
    def inner() -> str:
        return "inner"

    @app.get("/login")
    @public
    def login() -> object:
        response = app.make_response("in")
        cookies.give(response, "opaque")
        return response

    @app.get("/device")
    @public
    def device() -> object:
        response = app.make_response("known")
        cookies.give(response, "opaque", purpose="device", expires_at=clock.now() + timedelta(days=400))
        return response

    @app.get("/whoami")
    @public
    def whoami() -> str:
        return cookies.read() or "nobody"

    @app.get("/fail/<how>")
    @public
    def fail(how: str) -> str:
        raise faults[how]

    return app
