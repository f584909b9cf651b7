"""The response headers of every page.

Owns the policy that a browser is asked to hold: nothing from elsewhere, nothing inline, nothing kept, never
framed, no referrer (links carry tokens). Refuses exceptions per page. Cannot fail.
"""

from flask import Flask, Response, request

from web.common import edge
from web.common.site import Site, current_site

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",  # data: for the QR codes that we draw ourselves
        "connect-src 'self'",  # the progress of a broadcast refreshes itself
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for phones that do not know frame-ancestors
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_HSTS = "max-age=63072000; includeSubDomains"  # two years
_YEAR_S = 31_536_000


def of_every_answer(site: Site) -> dict[str, str]:
    """What stands on every response of a site, whoever wrote it."""
    return _HEADERS | ({"Strict-Transport-Security": _HSTS} if site.secure else {})


def install(app: Flask) -> None:
    """Sets the headers on every response, errors included, and writes the request's event."""

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(of_every_answer(current_site()))
        if request.endpoint == "assets.static" and "v" in request.args and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        else:
            response.headers["Cache-Control"] = "no-store"
        edge.record(response.status_code)
        return response
