"""Cookies of a site: their names and the settings that keep them on it.

Owns name and flags. Every cookie is for one host, HttpOnly, SameSite=Lax, path `/`, and by https also Secure
with the `__Host-` prefix, so that no neighbouring host can set it. The name carries the zone: the three
sites never read each other's. Refuses to know what a session means; staff sessions are rows of
`appliance.account`, and the cookie carries only their token. Cannot fail: a missing cookie is None.

Four cookies exist at most: Flask's own signed one (`karamail_<zone>`: CSRF token, language, one-time
notices), the staff session's token (`karamail_<zone>_session`), the device's (`karamail_<zone>_device`), and
the accounts that have logged in with this browser (`karamail_<zone>_known`, `web.staff.known`).
"""

from datetime import datetime

from flask import Response, request

from web.common.site import Site, current_site


def name(site: Site, purpose: str = "") -> str:
    """The cookie's name on this site."""
    base = f"karamail_{site.zone.value}" + (f"_{purpose}" if purpose else "")
    return f"__Host-{base}" if site.secure else base


def settings(site: Site) -> dict[str, object]:
    """Flask's settings for its own session cookie."""
    return {
        "SESSION_COOKIE_NAME": name(site),
        "SESSION_COOKIE_DOMAIN": None,
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SECURE": site.secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
    }


def read(purpose: str = "session") -> str | None:
    """The value that the browser sent for this purpose, unchecked."""
    return request.cookies.get(name(current_site(), purpose))


def give(
    response: Response, value: str, *, purpose: str = "session", expires_at: datetime | None = None
) -> None:
    """Sets the cookie; without `expires_at` it ends with the browser."""
    site = current_site()
    response.set_cookie(
        name(site, purpose),
        value,
        expires=expires_at,
        path="/",
        secure=site.secure,
        httponly=True,
        samesite="Lax",
    )


def drop(response: Response, *, purpose: str = "session") -> None:
    """Makes the browser forget the cookie."""
    site = current_site()
    response.delete_cookie(name(site, purpose), path="/", secure=site.secure, httponly=True, samesite="Lax")
