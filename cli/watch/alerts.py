"""What Alertmanager holds for true at this moment.

Owns one question to it (API v2) and reading the answer. An alert's labels and annotations are those of our
rules: `severity`, `instance`, `area`; `what`, `todo`. Refuses alerts that are silenced, and those that only
prove that alerts work. Fails with `Silent`.
"""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from appliance.fault import Seen

_PATIENCE_S = 5.0
_MAX_BYTES = 4_000_000
_ACTIVE = "/api/v2/alerts?active=true&silenced=false&inhibited=false"
NO_FAULT = "none"
"""The severity of an alert that always fires."""


class Silent(Exception):
    """Alertmanager does not answer, or not in its language."""


def firing(base: str) -> list[Seen]:
    """Every alert that fires. Raises `Silent`."""
    try:
        with urllib.request.urlopen(base + _ACTIVE, timeout=_PATIENCE_S) as answer:  # noqa: S310  # our own setting
            alerts = json.loads(answer.read(_MAX_BYTES))
        seen = [_seen(alert) for alert in alerts]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise Silent(type(error).__name__) from error
    return [each for each in seen if each.severity != NO_FAULT]


def _seen(alert: dict[str, Any]) -> Seen:
    labels, notes = alert["labels"], alert["annotations"]
    return Seen(
        name=labels["alertname"],
        node=labels.get("instance", ""),
        area=labels.get("area") or labels.get("carrier") or labels.get("lane") or labels.get("name") or "",
        severity=labels["severity"],
        what=notes.get("what", ""),
        todo=notes.get("todo", ""),
    )
