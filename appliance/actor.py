"""Who acts: an account, seen from one site, through one session.

Owns `Actor` and the roles. Refuses to decide anything: `access` does. Cannot fail.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from appliance.config import Zone


class Role(StrEnum):
    WARD_OFFICER = "ward_officer"  # 区担当者
    PRINCIPAL = "principal"  # 園長・校長
    STAFF = "staff"  # 教職員
    OPERATOR = "operator"  # 受託事業者
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Actor:
    """`zone` is the site acted from: on the send-only site nobody opens personal data (R10)."""

    account_id: int
    role: Role
    school_ids: frozenset[int]
    zone: Zone
    network: str = ""
    session_id: int | None = None
    device_id: int | None = None
    display_name: str = field(default="", repr=False)
