"""Bounces that a sending service tells in JSON (the notifications of a cloud's mail service).

Owns that one form. Refuses anything that is not such an object. Never fails.
"""

import json
from collections.abc import Iterator
from typing import Any

from smtp.bounce.evidence import Evidence

RECIPIENTS = 50


def read(text: str) -> list[Evidence]:
    """One piece of evidence per recipient; empty where the text is no notification."""
    body = text.lstrip().replace("!\n ", "")  # where a relay folded a line that was too long
    if not body.startswith("{") or "notificationType" not in body[:2000]:
        return []
    try:
        told, _ = json.JSONDecoder(strict=False).raw_decode(body)
    except (ValueError, RecursionError):
        return []
    return list(_evidence(told))[:RECIPIENTS] if isinstance(told, dict) else []


def _evidence(told: dict[str, Any]) -> Iterator[Evidence]:
    if isinstance(told.get("Message"), str):
        yield from read(told["Message"])
        return
    kind = str(told.get("notificationType", "")).lower()
    detail = told.get(kind)
    if not isinstance(detail, dict):
        return
    if kind == "delivery":
        named = detail.get("recipients")
        for name in named if isinstance(named, list) else []:
            yield Evidence(str(name), "delivered", diagnostic=str(detail.get("smtpResponse", "")))
        return
    named = detail.get("complainedRecipients" if kind == "complaint" else "bouncedRecipients")
    for each in named if isinstance(named, list) else []:
        if isinstance(each, dict):
            yield Evidence(
                str(each.get("emailAddress", "")),
                "complained" if kind == "complaint" else "failed",
                str(each.get("status", "")),
                str(each.get("diagnosticCode", "")),
                "" if each.get("diagnosticCode") else str(detail.get("bounceSubType", "")).lower(),
            )
