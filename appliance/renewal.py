"""年度更新: a device is kept for another school year (R09, R18).

Owns the way: in the last weeks of a school year whoever uses a device states anew what R18 asks, the ward
approves, and the device's key and cookie stay what they are. Refuses to enrol and to end devices
(`appliance.device`). Fails with `NotAllowed`, `TextInvalid`, `WrongState`.
"""

from collections.abc import Sequence
from datetime import datetime

from peewee import JOIN

from appliance import access, audit, db, device
from appliance.actor import Actor
from appliance.config import Config
from appliance.device import Request
from appliance.errors import WrongState
from appliance.models import Account, Device, School
from appliance.states import DeviceState


def due(config: Config, found: Device, now: datetime) -> bool:
    """Does this device end with a school year whose last weeks have begun, or that is over?"""
    living = found.state == DeviceState.ACTIVE and found.ends_at > now
    return living and found.ends_at < device.turn(config, now)


def ask(config: Config, actor: Actor, found: Device, stated: Request, now: datetime) -> None:
    """The statement is made anew. Raises `NotAllowed`, `TextInvalid` (as `device.request`), `WrongState`."""
    access.require(access.may_keep(actor, found))
    device.check(config, stated)
    with db.transaction():
        asked = (
            Device.update(
                os=stated.os,
                os_version=stated.os_version.strip(),
                firewall=stated.firewall,
                screen_lock=stated.screen_lock,
                renewal_at=now,
            )
            .where(Device.id == found.id, *_living(config, now))
            .execute()
        )
        if asked != 1:
            raise WrongState("the device is not due")
        audit.record(actor, audit.Act.DEVICE_RENEWAL_ASKED, "device", found.id, school_id=found.school_id)


def waiting(config: Config, now: datetime) -> list[Device]:
    """What the ward has to decide, by school, then holder."""
    return list(
        Device.select(Device, Account, School)
        .join(Account, JOIN.LEFT_OUTER, on=(Device.holder == Account.id))
        .switch(Device)
        .join(School, JOIN.LEFT_OUTER, on=(Device.school == School.id))
        .where(Device.renewal_at.is_null(False), *_living(config, now))
        .order_by(Device.school, Account.login_id, Device.id)
    )


def decide(config: Config, actor: Actor, devices: Sequence[Device], *, approve: bool, now: datetime) -> None:
    """The ward's word on all of them, or on none. Raises `NotAllowed`, `WrongState`."""
    access.require(device.may_decide(actor))
    changed: dict[str, object] = {"renewal_at": None, "decided_by": actor.account_id, "decided_at": now}
    if approve:
        changed["ends_at"] = device.year_end(config, now)
    act = audit.Act.DEVICE_RENEWED if approve else audit.Act.DEVICE_RENEWAL_REFUSED
    with db.transaction():
        for found in devices:
            decided = (
                Device.update(**changed)
                .where(Device.id == found.id, Device.renewal_at.is_null(False), *_living(config, now))
                .execute()
            )
            if decided != 1:
                raise WrongState("the renewal is decided already")
            audit.record(actor, act, "device", found.id, school_id=found.school_id)


def _living(config: Config, now: datetime) -> tuple[object, ...]:
    """`due`, for the WHERE of a statement."""
    return (
        Device.state == DeviceState.ACTIVE,
        Device.ends_at > now,
        Device.ends_at < device.turn(config, now),
    )
