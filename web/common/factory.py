"""Makes a site's Flask application, closed until a view is opened.

Owns the settings that all three sites have in common. Refuses to know any page of theirs. Fails at start,
with `SecretMissing`, when the zone's `cookie` credential is absent: no site runs with a secret of chance.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

from appliance import db, log
from appliance.config import Config, Zone
from appliance.keys import secrets
from web.common import assets, cookies, edge, errorpages, gate, headers, language
from web.common.site import describe

KIB = 1024


class _Application(Flask):
    """Flask, but an exception's line in the log is an event without URL and without text."""

    def log_exception(
        self,
        exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None],
    ) -> None:
        if exc_info[1] is not None:
            log.unexpected(exc_info[1])


def create(
    zone: Zone,
    config: Config,
    import_name: str,
    *,
    title: str,
    languages: tuple[str, ...] = ("ja",),
    guard: Callable[[], ResponseReturnValue | None] | None = None,
    proof: gate.Proof | None = None,
    max_body_bytes: int = 64 * KIB,
) -> Flask:
    """An application with the common doors and looks, the database bound, and `/healthz`.

    `title` names the site in its band. `guard` runs before every view that is not `public`: it returns None
    to let the request in, or the response to give instead. Without a guard only public views answer.
    `proof` is for a site that has a better one than a cookie; it then sets no cookies at all. Otherwise every
    POST needs Flask-WTF's CSRF token. Raises `SecretMissing`.
    """
    db.connect(config, zone)
    app = _Application(import_name, static_folder=None)
    site = describe(zone, config, title, languages)
    app.extensions["karamail.site"] = site
    app.config.update(
        SECRET_KEY=secrets.read(secrets.directory(config.secrets_dir, zone), "cookie"),
        MAX_CONTENT_LENGTH=max_body_bytes,
        MAX_FORM_MEMORY_SIZE=max_body_bytes,
        MAX_FORM_PARTS=200,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        TRAP_HTTP_EXCEPTIONS=False,
        TEMPLATES_AUTO_RELOAD=False,
        **cookies.settings(site),
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: {"site": site})

    assets.install(app)
    language.install(app, config.ward.timezone, cookie=proof is None)
    gate.install(app, guard=guard, proof=proof)
    headers.install(app)
    errorpages.install(app)

    app.teardown_appcontext(lambda _: db.close())

    @app.get("/healthz")
    @gate.public
    def healthz() -> tuple[str, int]:
        """Says that this process answers; asks nothing of the database."""
        return "", 204

    inner: Any = edge.Edge(app.wsgi_app, site.hosts, headers.of_every_answer(site))
    hops = config.site(zone).proxy_hops
    app.wsgi_app = ProxyFix(inner, x_for=hops, x_proto=hops, x_host=0) if hops else inner  # type: ignore[method-assign]
    return app
