"""The tables, as peewee models: columns and relations, no behaviour.

Owns the mapping; the schema itself (checks, partial indexes) is in `appliance/migrations`, and a test holds
the two together. Refuses rules: those live in the module named like the noun. Fails as peewee does.
"""

from appliance.models.base import Table, database
from appliance.models.factors import Challenge, Factor, RecoveryCode
from appliance.models.guard import Alarm, BudgetUse, CodePause
from appliance.models.notices import Notice, NoticeAddress
from appliance.models.people import (
    Account,
    AccountSchool,
    Audit,
    Device,
    Invitation,
    LoginFailure,
    Opening,
    PersonReport,
    StaffSession,
    Training,
)
from appliance.models.queue import (
    Attempt,
    Broadcast,
    BroadcastSchool,
    Confirmation,
    Delivery,
    Inquiry,
    NotedBounce,
    Pace,
    Prepared,
    Worker,
)
from appliance.models.record import AuditCheckpoint, AuditCosignature, AuditLeaf, AuditMailed, AuditNode
from appliance.models.registry import Address, Child, Inbound, Registration
from appliance.models.school import School, SchoolClass, SchoolKey, SecurityCode, WrappedKey, ZoneKey
from appliance.models.transport import MtaStsPolicy, TlsReport, TlsTally
from appliance.models.watch import Fault

ALL = (
    ZoneKey, School, SchoolClass, SchoolKey, WrappedKey, SecurityCode,
    Account, AccountSchool, LoginFailure, Device, StaffSession, Factor, RecoveryCode, Challenge, Audit,
    PersonReport, Invitation, Training, Opening,
    Address, Child, Registration, Inbound, Broadcast, BroadcastSchool, Delivery, Attempt,
    NotedBounce, Prepared, Worker, Pace,
    MtaStsPolicy, TlsTally, TlsReport,
    BudgetUse, CodePause, Alarm,
    Confirmation, Inquiry,
    AuditLeaf, AuditNode, AuditCheckpoint, AuditCosignature, AuditMailed,
    Fault, Notice, NoticeAddress,
)  # fmt: skip

__all__ = [
    "ALL",
    "Account",
    "AccountSchool",
    "Address",
    "Alarm",
    "Attempt",
    "Audit",
    "AuditCheckpoint",
    "AuditCosignature",
    "AuditLeaf",
    "AuditMailed",
    "AuditNode",
    "Broadcast",
    "BroadcastSchool",
    "BudgetUse",
    "Challenge",
    "Child",
    "CodePause",
    "Confirmation",
    "Delivery",
    "Device",
    "Factor",
    "Fault",
    "Inbound",
    "Inquiry",
    "Invitation",
    "LoginFailure",
    "MtaStsPolicy",
    "NotedBounce",
    "Notice",
    "NoticeAddress",
    "Opening",
    "Pace",
    "PersonReport",
    "Prepared",
    "RecoveryCode",
    "Registration",
    "School",
    "SchoolClass",
    "SchoolKey",
    "SecurityCode",
    "StaffSession",
    "Table",
    "TlsReport",
    "TlsTally",
    "Training",
    "Worker",
    "WrappedKey",
    "ZoneKey",
    "database",
]
