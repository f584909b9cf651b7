"""Refusals leave a record, sparingly.

Owns how many: so many a quarter of an hour from one account and process, so that whoever walks through ids
by program fills no disk. Counted here and not in the record, which the send-only site cannot read. Refuses
to say why on the page. Fails silently when the database is away: nothing was done, and nothing is shown.
"""

from dataclasses import dataclass, field

from flask import current_app, g, request

from appliance import audit, clock, log
from appliance.actor import Actor
from appliance.errors import DatabaseUnavailable

MOST = 60
_WINDOW_S = 900.0
_KEY = "karamail.refusals"


@dataclass(slots=True)
class Refusals:
    """What was refused since `began`, by account."""

    began: float = field(default_factory=clock.monotonic)
    counts: dict[int, int] = field(default_factory=dict)

    def counted(self, account_id: int) -> int:
        """The number of this refusal in the present quarter of an hour."""
        if clock.monotonic() - self.began > _WINDOW_S:
            self.began, self.counts = clock.monotonic(), {}
        self.counts[account_id] = self.counts.get(account_id, 0) + 1
        return self.counts[account_id]


def note(reason: str, who: Actor | None = None) -> None:
    """Whoever has logged in and is refused something leaves a record, also of what is not there for him.

    `who`: somebody whom the door refuses, so that no view knows of an actor.
    """
    actor: Actor | None = who or g.get("actor")
    if actor is None:
        return
    refusals: Refusals = current_app.extensions.setdefault(_KEY, Refusals())
    if refusals.counted(actor.account_id) > MOST:
        return
    ids = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    try:
        audit.record_refusal(actor, request.endpoint or "", ids[0] if ids else None, reason)
    except DatabaseUnavailable as error:
        log.database_unavailable(error)
