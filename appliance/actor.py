"""Who acts: an account, seen from one site, through one session.

Owns `Actor`, the roles, and who acts without an account. Refuses to decide anything: `access` does. Cannot
fail.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from appliance.config import Zone


class Role(StrEnum):
    WARD_OFFICER = "ward_officer"  # 区担当者
    PRINCIPAL = "principal"  # 園長・校長
    STAFF = "staff"  # 教職員
    OPERATOR = "operator"  # 受託事業者
    AUDITOR = "auditor"


class Duty(StrEnum):
    """Towards the ids of a school, or the vendor's (R15, R19)."""

    MANAGER = "manager"  # 管理者、取扱責任者
    HANDLER = "handler"  # 取扱者


@dataclass(frozen=True, slots=True)
class Actor:
    """`zone` is the site acted from: on the send-only site nobody opens personal data (R10).

    `confirmed_at` is when this person last proved who is there, in this session.
    """

    account_id: int
    role: Role
    school_ids: frozenset[int]
    zone: Zone
    network: str = ""
    session_id: int | None = None
    device_id: int | None = None
    display_name: str = field(default="", repr=False)
    confirmed_at: datetime | None = field(default=None, compare=False, repr=False)
    password_changed_at: datetime | None = field(default=None, compare=False, repr=False)


CONSOLE = Actor(0, Role.WARD_OFFICER, frozenset(), Zone.ADMIN, network="console")
"""Whoever has a shell on a node and acts there with the ward's rights; in the record the vendor (R19)."""
