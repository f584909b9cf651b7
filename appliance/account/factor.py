"""The second factors of an account, each for one site (R16, R21; OWASP ASVS 5.0 6.3.3).

Owns their list, their names, their removal and the question whether a login needs one. A factor belongs to
one site: whoever takes over the send-only site learns nothing that opens the administration site. Refuses to
check one (`passkey`, `one_time` and `recovery` do). Fails with `NotYours`, `NotAllowed`, `TextInvalid`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from appliance import audit, db
from appliance.account.ending import end_sessions
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import NotAllowed, NotYours, TextInvalid
from appliance.models import Account, Device, Factor, RecoveryCode

NAME_MAX = 40
MOST = 10
"""Factors of one person on one site."""


class Kind(StrEnum):
    PASSKEY = "passkey"
    TOTP = "totp"  # RFC 6238


class Loss(StrEnum):
    """Why a ward officer takes somebody's factors away; a closed list, because the record holds no text."""

    LOST = "lost"
    STOLEN = "stolen"
    BROKEN = "broken"
    REPLACED = "replaced"


def of(account_id: int, zone: Zone) -> list[Factor]:
    """One's own factors on one site, oldest first; those of registered devices are the devices'."""
    return list(_own(account_id, zone))


def _own(account_id: int, zone: Zone) -> Any:
    mine = Factor.account == account_id, Factor.zone == zone, Factor.device.is_null()
    return Factor.select().where(*mine).order_by(Factor.created_at, Factor.id)


def one(actor: Actor, factor_id: int) -> Factor:
    """Raises `NotYours`."""
    found = next((row for row in of(actor.account_id, actor.zone) if row.id == factor_id), None)
    if found is None:
        raise NotYours("factor")
    return found


def required(config: Config, role: Role) -> bool:
    """Does this role log in with a second factor, whether or not it has one already?"""
    return role.value in config.factors.required_for


def second_step(config: Config, account: Account, zone: Zone, device: Device | None) -> bool:
    """Must this login take a second step? A registered device always; else by role, or by having a factor."""
    if device is not None and device.kind != "school":
        return True
    return (
        required(config, Role(account.role))
        or Factor.select()
        .where(Factor.account == account, Factor.zone == zone, Factor.device.is_null())
        .exists()
    )


def checked_name(name: str) -> str:
    """Raises `TextInvalid("name", …)`: `empty`, `too_long`, `control`."""
    name = " ".join(name.split())
    if not name:
        raise TextInvalid("name", "empty")
    if len(name) > NAME_MAX:
        raise TextInvalid("name", "too_long")
    if not name.isprintable():
        raise TextInvalid("name", "control")
    return name


def rename(actor: Actor, factor: Factor, name: str) -> None:
    """Raises `TextInvalid`."""
    name = checked_name(name)
    with db.transaction():
        Factor.update(name=name).where(Factor.id == factor.id).execute()
        audit.record(actor, audit.Act.FACTOR_NAMED, "factor", factor.id)


def remove(config: Config, actor: Actor, factor: Factor) -> None:
    """Raises `NotAllowed("last_factor")` where the role needs one and this is the last."""
    with db.transaction():
        mine = list(db.held(_own(actor.account_id, actor.zone), "FOR UPDATE"))  # of two, the second one waits
        if len(mine) == 1 and required(config, actor.role):
            raise NotAllowed("last_factor")
        Factor.delete().where(Factor.id == factor.id).execute()
        if len(mine) == 1:
            RecoveryCode.delete().where(
                RecoveryCode.account == actor.account_id, RecoveryCode.zone == actor.zone
            ).execute()
        audit.record(actor, audit.Act.FACTOR_REMOVED, "factor", factor.id, kind=factor.kind)


def may_reset(actor: Actor, account: Account) -> str | None:
    """None, or why not: a ward officer, on the administration site, somebody else's."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    if actor.role is not Role.WARD_OFFICER:
        return "ward_officer_resets"
    return "not_ones_own" if account.id == actor.account_id else None


def reset(actor: Actor, account: Account, reason: Loss, now: datetime) -> None:
    """Takes away a person's factors and recovery codes on both sites and ends its sessions.

    The next login asks for a new factor where the role needs one. Registered devices stay: each is revoked
    by itself. Raises `NotAllowed`.
    """
    refusal = may_reset(actor, account)
    if refusal is not None:
        raise NotAllowed(refusal)
    with db.transaction():
        end_sessions(account, now)  # first: who is just adding a factor comes before it or not at all
        gone = forget(account)
        audit.record(actor, audit.Act.FACTORS_RESET, "account", account.id, reason=reason.value, factors=gone)


def forget(account: Account) -> int:
    """Takes away factors and recovery codes on both sites, in the caller's transaction; how many factors."""
    gone: int = Factor.delete().where(Factor.account == account, Factor.device.is_null()).execute()
    RecoveryCode.delete().where(RecoveryCode.account == account).execute()
    return gone
