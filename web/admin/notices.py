"""お知らせ先: where mails about one's own login go (R16).

Owns the page. Refuses mail addresses, to be typed or shown: its person sends an empty mail to the address
that stands here, once, within an hour (`appliance.notice`). The send-only site has no such page. Cannot fail.
"""

import segno
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import clock, notice
from web.common import page
from web.staff import actor, desk

pages = Blueprint("notices", __name__)
_SOMETHING = "oshirase"
"""Some phones refuse to send without subject or text; short, so that the QR code stays coarse."""


@pages.route("/account/notices", methods=["GET", "POST"])
def mine() -> ResponseReturnValue:
    """Where they go; when it is asked for, the address for the empty mail, shown this once."""
    if request.method == "GET":
        return page("admin/notices.html", goes=notice.place(actor()), local="")
    now = clock.now()
    local = request.form.get("local", "")  # the page as it is, in another language
    if "lang" not in request.args or not notice.is_asked(actor(), local, now):
        local = notice.ask(actor(), now)
    address = f"{local}@{desk().config.mail.registration_domain}"
    target = f"mailto:{address}?subject={_SOMETHING}&body={_SOMETHING}"
    picture = segno.make_qr(target, error="m").svg_data_uri(border=4, scale=3)
    return page("admin/notices.html", local=local, address=address, target=target, picture=picture)


@pages.post("/account/notices/end")
def end() -> ResponseReturnValue:
    """No mails about one's login any more."""
    notice.end(actor(), clock.now())
    return redirect(url_for(".mine"), 303)
