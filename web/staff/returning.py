"""The way back: the page that somebody was sent away from, and what was posted there.

Owns the check that an address is one of this site's own pages, and the hidden fields that carry a form
through login and second step. Refuses every other address. Cannot fail: what is no page of ours is nothing.
"""

from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException

from web.common.gate import is_public

HELD = "held."
"""Prefix of the login form's fields that carry what was posted without a session."""


def held() -> dict[str, str]:
    """What this form carries along."""
    return {key.removeprefix(HELD): value for key, value in request.form.items() if key.startswith(HELD)}


def way_back(address: str) -> str:
    """The address if it is one of this site's own pages, else nothing: no login leads elsewhere."""
    parts = urlsplit(address) if address.isprintable() and "\\" not in address else None
    if parts is None or parts.scheme or parts.netloc or not parts.path.startswith("/"):
        return ""
    try:
        endpoint, _values = current_app.create_url_adapter(request).match(parts.path, method="GET")  # type: ignore[union-attr]
    except HTTPException:
        return ""
    if is_public(current_app, endpoint):
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")
