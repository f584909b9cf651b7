"""A device enrols itself: once, with a code, a login, and on a registered device a passkey of its own.

Owns the order: code and password begin, the key ends it, in one transaction with the device's new state and
only while the code counts with which it began. Wrong codes are counted by network, and recorded as wrong
passwords are. Refuses to approve (`device` does). Fails with `DeviceRefused`, `LoginRefused`,
`FactorRefused`.
"""

from dataclasses import dataclass
from datetime import datetime

from appliance import account, admission, audit, db, device
from appliance.account import factor, passkey, second_step, session, throttle
from appliance.account.person import Halfway
from appliance.config import Config, Zone
from appliance.errors import DeviceRefused, LoginRefused
from appliance.models import Account, Device, StaffSession


@dataclass(frozen=True, slots=True)
class Enrolled:
    """`token` is the device's; `opened` the session's, unless a second step is still to come."""

    device: Device
    token: str
    opened: str | None


def begin(
    config: Config,
    zone: Zone,
    code: str,
    login_id: str,
    password: str,
    *,
    network: str,
    now: datetime,
    agent: str = "",
    known_browser: bytes | None = None,
) -> str:
    """Checks code, id and password; half opens a session. Returns its token.

    Raises `LoginRefused`, also `throttled` for wrong codes, and `DeviceRefused`: `code`, `other_school`.
    """
    door = throttle.Door(config, zone, now)
    with db.guarded():
        wait_s = door.code_wait_s(network)
    if wait_s:
        raise LoginRefused("throttled", wait_s=wait_s)
    try:
        asked = device.by_code(zone, code, now)
        _require_network(config, asked, network)
    except DeviceRefused as refused:
        _count(door, network, refused.reason)
        raise
    token, _ = account.login(
        config, zone, login_id, password, network=network, now=now, device=asked, enrolling=True, agent=agent,
        browser=known_browser,
    )  # fmt: skip
    return token


def _require_network(config: Config, found: Device, network: str) -> None:
    reason = admission.enrol_why_not(config, found, network)
    if reason is not None:
        raise DeviceRefused(reason)


def _count(door: throttle.Door, network: str, reason: str) -> None:
    """A refused code; a record of the first one, and of the one after which the next has to wait."""
    with db.transaction():
        first = door.note(throttle.CODES, network, None)
        wait_s = door.code_wait_s(network)
        if wait_s or (first and not door.is_flood(network, of_codes=True)):
            told = "throttled" if wait_s else reason
            audit.record_refused_login(door.zone, network, None, None, told)


def needs_key(who: Halfway) -> bool:
    """A registered device shows its own passkey; a school device, which many share, needs none."""
    return session.own_device(who.device_id) is not None


def finish(config: Config, who: Halfway, answer: str, now: datetime) -> Enrolled:
    """Makes the device active; `answer` is the new passkey (JSON) where one is needed.

    Raises `DeviceRefused`, also where a newer code was made meanwhile, and `FactorRefused`.
    """
    found = Device.get_or_none(Device.id == who.device_id)
    if found is None:
        raise DeviceRefused("code")
    _require_network(config, found, who.network)
    with db.transaction():
        # The device's row first: two who finish with one code wait here for each other, not in a deadlock.
        actor = session.actor_of(StaffSession.get_by_id(who.session_id), who.network)
        token = device.enrol(config, actor, found, now)
        if session.has_ended(who.session_id):  # by a newer code (`device.make_code`)
            raise DeviceRefused("code")
        if needs_key(who):
            passkey.add(config, who, found.name, answer, now)
        opened = None
        if needs_key(who) or not factor.second_step(
            config, Account.get_by_id(who.account_id), who.zone, found
        ):
            opened, _ = second_step.open_(config, who, "enrolled", now)
    return Enrolled(Device.get_by_id(found.id), token, opened)
