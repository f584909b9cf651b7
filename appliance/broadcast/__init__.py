"""一斉配信: a text to an audience, from draft to the last delivery (R01, R07, R13).

Owns drafting, checking, deciding and sending. `send` writes one delivery per address in one transaction:
when it returns, every recipient is in the queue, or none. Refuses to send what nobody confirmed: the number
of addresses that was shown is compared with the number of now. Fails with the `BroadcastError` sentences,
`NotAllowed`, `WrongState`.
"""

from appliance.broadcast import delivery_test
from appliance.broadcast.draft import CATEGORIES, SUBJECT_MAX, TEXT_MAX, draft, recent, recent_of_ward, revise
from appliance.broadcast.findings import Finding, FindingKind, findings
from appliance.broadcast.late import left_over, send_late
from appliance.broadcast.send import approve, refuse, send, stop, submit

__all__ = [
    "CATEGORIES",
    "SUBJECT_MAX",
    "TEXT_MAX",
    "Finding",
    "FindingKind",
    "approve",
    "delivery_test",
    "draft",
    "findings",
    "left_over",
    "recent",
    "recent_of_ward",
    "refuse",
    "revise",
    "send",
    "send_late",
    "stop",
    "submit",
]
