"""The proof that a POST comes from our own page: a keyed hash of the link's token.

Owns issuing and checking it. There is no login and no cookie on this site, so nothing in the browser acts on
anyone's behalf; the proof needs the link and this zone's secret, and holds as long as the link does, also in
a tab that was open overnight or on a phone that refuses cookies. Fails with 400 and kind words.
"""

import hashlib
import hmac

from flask import abort, current_app, request

from appliance import log
from web.common import errorpages


class LinkProof:
    """Implements `web.common.gate.Proof`."""

    def issue(self) -> str:
        """The proof for the link that is being shown."""
        token = str((request.view_args or {}).get("token", ""))
        secret: bytes = current_app.config["SECRET_KEY"]
        return hmac.new(secret, b"guardian form\0" + token.encode(), hashlib.sha256).hexdigest()

    def check(self) -> None:
        """Aborts with 400 unless the form carries the proof of its own link."""
        given = request.form.get("csrf_token", "")
        if not hmac.compare_digest(given.encode(), self.issue().encode()):
            log.web_refused("form_proof")
            abort(errorpages.answer(400, errorpages.STALE_FORM))
