"""The pages for a link that does not lead to the form: unknown, expired, of a closed school, used.

Owns their words, in the reader's language: what happened and what to do next. Refuses to say whether an
address or a child is known. Statuses: 404 unknown, 410 for the others. Cannot fail.
"""

from flask import Flask, request
from flask.typing import ResponseReturnValue

from appliance.errors import SchoolClosed, TokenExpired, TokenUnknown, TokenUsed
from web.common import page
from web.guardian.desk import desk


def done_page(status: int = 200) -> ResponseReturnValue:
    """Registered: just now, or (`?again=1`, or an old link) before."""
    again = "again" in request.args or status != 200
    return page("guardian/done.html", status=status, again=again, sender_address=desk().sender_address)


def _expired(_: TokenExpired) -> ResponseReturnValue:
    return page("guardian/expired.html", status=410, hours=desk().token_hours)


def _closed(_: SchoolClosed) -> ResponseReturnValue:
    return page("guardian/closed.html", status=410)


def _unknown(_: TokenUnknown) -> ResponseReturnValue:
    return page("guardian/unknown.html", status=404)


def install(app: Flask) -> None:
    """Registers the pages."""
    app.register_error_handler(SchoolClosed, _closed)
    app.register_error_handler(TokenExpired, _expired)
    app.register_error_handler(TokenUnknown, _unknown)
    app.register_error_handler(TokenUsed, lambda _: done_page(410))
