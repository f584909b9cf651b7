"""Who gets to a view.

Owns the order of the questions that every request answers before a view runs: (1) did this site's own page
or the person send it (Sec-Fetch-Site, Origin), (2) does a POST carry its proof (CSRF; views marked `unproved`
ask for it themselves), (3) does the site's guard let it in. Refuses to know accounts, roles or devices: that
is the guard, given by the site. Fails towards closed: a view not marked `public`, on a site without a guard,
does not exist.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from flask import Flask, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect

from appliance import log
from web.common.site import current_site

View = TypeVar("View", bound=Callable[..., object])
Guard = Callable[[], ResponseReturnValue | None]


class Proof(Protocol):
    """How a site's forms prove that they came from its own page."""

    def issue(self) -> str:
        """The value that `c.proof()` puts into the form of the page now being rendered."""

    def check(self) -> None:
        """Lets the POST now being answered pass, or aborts."""


_ACTING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_EMBEDDING = frozenset({"iframe", "frame", "object", "embed", "fencedframe"})


def public(view: View) -> View:
    """Marks a view that anyone may reach without the site's guard."""
    view.karamail_public = True  # type: ignore[attr-defined]
    return view


def unproved(view: View) -> View:
    """Marks a view that asks for the proof itself: it also answers programs that saw no page of ours."""
    view.karamail_unproved = True  # type: ignore[attr-defined]
    return view


def is_public(app: Flask, endpoint: str) -> bool:
    """Is this endpoint open to everyone? (The matrix test of routes and roles asks this too.)"""
    return getattr(app.view_functions.get(endpoint), "karamail_public", False)


def install(app: Flask, *, guard: Guard | None, proof: Proof | None) -> None:
    """Puts the questions before every view."""
    # The strict referrer check of Flask-WTF cannot hold with `Referrer-Policy: no-referrer`; `_sent_by_us`
    # stands in its place. The token lives as long as the session, which has its own end.
    app.config.update(WTF_CSRF_SSL_STRICT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_CHECK_DEFAULT=False)
    if proof is None:
        check = CSRFProtect(app).protect
    else:
        app.jinja_env.globals["csrf_token"] = proof.issue
        check = proof.check

    @app.before_request
    def questions() -> ResponseReturnValue | None:
        if request.endpoint is None:
            return None  # an unknown address: Flask answers 404 or 405 itself
        if not _sent_by_us():
            log.web_refused("foreign_page")
            abort(403)
        view = current_app.view_functions.get(request.endpoint)
        if request.method in _ACTING and not getattr(view, "karamail_unproved", False):
            check()
        if is_public(current_app, request.endpoint):
            return None
        if guard is None:
            abort(404)
        return guard()


def _sent_by_us() -> bool:
    """Did one of our pages, or the person at the device, send this?

    Browsers since 2020 (Safari 2023) say so in Sec-Fetch-Site, over https and on localhost. Where the header
    is absent, Origin decides a POST if there is one; the proof decides in any case.
    """
    source = request.headers.get("Sec-Fetch-Site")
    if request.headers.get("Sec-Fetch-Dest") in _EMBEDDING:
        return False
    if request.method in _ACTING:
        origin = request.headers.get("Origin")
        if source is None:
            return origin in (None, "null", current_site().origin)
        return source in ("same-origin", "none")
    if source in ("cross-site", "same-site"):
        # A link in a mail or on another page may lead here; nothing may load our pages as a part of its own.
        return request.headers.get("Sec-Fetch-Mode") == "navigate"
    return True
