"""Makes a staff site: closed by one guard, with the pages that both sites have.

Owns the order of the parts. Refuses to know the pages that only one site has. Fails at start with
`SecretMissing`.
"""

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, url_for

from appliance import db, keystore
from appliance.config import Config, Zone
from appliance.errors import NotAllowed, NotYours
from web.common import create as create_site
from web.common import errorpages, public
from web.common.language import LANGUAGES, catalogue
from web.staff import (
    admission,
    check,
    compose,
    devices,
    enrol,
    factors,
    fresh,
    listing,
    places,
    refusals,
    second_step,
    session,
    status,
    ward,
    words,
)
from web.staff.desk import KEY, Desk

Navigation = Callable[[], list[tuple[str, str, str]]]
_STATIC = Path(__file__).parent / "static"


def create(
    zone: Zone,
    config: Config,
    import_name: str,
    *,
    title: str,
    navigation: Navigation,
    blueprints: list[Blueprint],
) -> Flask:
    """The WSGI application of a staff site.

    `navigation` gives (key, label, address) of the menu for the present actor; `blueprints` are the site's
    own pages, among them the endpoint `home.home`. Raises `SecretMissing`.
    """
    app = create_site(zone, config, import_name, title=title, languages=tuple(LANGUAGES), guard=session.guard)
    app.extensions[KEY] = Desk(config, zone, keystore.open_keyring(config, zone))
    app.register_blueprint(_files())
    for blueprint in (
        session.pages, second_step.pages, fresh.pages, factors.pages, places.pages, devices.pages,
        enrol.pages, listing.pages, compose.pages, ward.pages, check.pages, status.pages, *blueprints,
    ):  # fmt: skip
        app.register_blueprint(blueprint)
    app.jinja_env.filters.update(words.FILTERS)
    app.context_processor(lambda: _for_templates(navigation))
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(NotYours, _not_there)
    app.register_error_handler(404, _not_there)
    admission.install(app)
    _guard_database(app)
    return app


def _for_templates(navigation: Navigation) -> dict[str, object]:
    known = "actor" in g
    return {
        "actor": g.actor if known else None,
        "menu": navigation() if known else [],
        "fragment": session.is_fragment(),
        "kept": session.kept(),
        "device_notices": admission.notices() if known else [],
        "first_page": url_for("home.home"),
    }


def _not_there(error: Exception) -> Response:
    """404: never said which."""
    if isinstance(error, NotYours):
        refusals.note("not_yours")
    return errorpages.answer(404, errorpages.NOT_THERE)


def _not_allowed(error: NotAllowed) -> object:
    """403, with the reason where the actor can do something with it, in both languages."""
    refusals.note(error.reason)
    reason = words.REFUSALS.get(error.reason)
    if reason is None:
        return errorpages.answer(403)
    said = errorpages.WORDS[403]
    reason_en = catalogue("en").gettext(reason)
    return errorpages.answer(403, errorpages.Words(said.title, reason, said.title_en, reason_en))


def _files() -> Blueprint:
    """The few rules of style and script that only staff pages need."""
    blueprint = Blueprint(
        "staff", __name__, static_folder=None, template_folder=str(Path(__file__).parent / "templates")
    )
    files = {file.name: file.read_text(encoding="utf-8") for file in _STATIC.iterdir()}
    prints = {name: sha256(text.encode()).hexdigest()[:12] for name, text in files.items()}
    kinds = {".css": "text/css", ".js": "text/javascript"}

    @blueprint.get("/staff-assets/<print>/<name>")
    @public
    def file(print: str, name: str) -> tuple[str, int, dict[str, str]]:  # noqa: A002
        """A file under an address that changes with its content."""
        if prints.get(name) != print:
            return "", 404, {}
        return files[name], 200, {"Content-Type": f"{kinds[Path(name).suffix]}; charset=utf-8"}

    @blueprint.app_template_global()
    def staff_asset(name: str) -> str:
        return url_for("staff.file", print=prints[name], name=name)

    return blueprint


def _guard_database(app: Flask) -> None:
    """A lost connection in any view is `DatabaseUnavailable`; each request gives its connection back."""

    def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def run(*arguments: Any, **values: Any) -> Any:
            with db.guarded():
                return view(*arguments, **values)

        return run

    app.view_functions = {endpoint: guarded(view) for endpoint, view in app.view_functions.items()}

    @app.teardown_request
    def give_back(_: BaseException | None) -> None:
        db.close()
