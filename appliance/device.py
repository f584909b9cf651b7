"""Devices from which staff work: school devices and registered devices (学校端末, 届出端末; R09, R10, R18).

Owns the way from a request over the ward's approval to a device that carries a token, and its end: at once
when revoked, else with the school year and some days of grace (`appliance.renewal` keeps it for another).
Refuses to know cookies, networks and passkeys. Fails with `DeviceRefused`, `NotAllowed`, `TextInvalid`,
`WrongState`.
"""

import base64
import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from peewee import JOIN

from appliance import access, audit, db, states, token
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import DeviceRefused, NotAllowed, TextInvalid
from appliance.models import Account, Device, StaffSession
from appliance.states import DeviceState

Kind = Literal["school", "own_phone", "own_pc"]
NAME_MAX = 40
_CODE_OCTETS = 5  # 40 bits, for minutes, beside a password
_NEW_SCHOOL_YEAR = (4, 1)


@dataclass(frozen=True, slots=True)
class Request:
    """What a holder states about a device (R18)."""

    kind: Kind
    name: str
    os: str
    os_version: str
    firewall: bool
    screen_lock: bool
    school_id: int | None = None


def zone_of(kind: str) -> Zone:
    """The one site that a device of this kind leads to (R10, R11)."""
    return Zone.ADMIN if kind == "school" else Zone.SENDER


def request(config: Config, actor: Actor, asked: Request, now: datetime) -> Device:
    """A holder asks. Raises `TextInvalid`: `name`, `os_version` (`too_old`), `firewall`, `screen_lock`."""
    check(config, asked)
    if asked.kind == "school" and not _may_equip(actor, asked.school_id):
        raise TextInvalid("school", "empty")
    with db.transaction():
        device: Device = Device.create(
            kind=asked.kind,
            state=DeviceState.REQUESTED,
            holder=actor.account_id,
            school=asked.school_id if asked.kind == "school" else None,
            name=" ".join(asked.name.split()),
            os=asked.os,
            os_version=asked.os_version.strip(),
            firewall=asked.firewall,
            screen_lock=asked.screen_lock,
            requested_at=now,
        )
        audit.record(
            actor,
            audit.Act.DEVICE_REQUESTED,
            "device",
            device.id,
            school_id=device.school_id,
            kind=asked.kind,
        )
    return device


def _may_equip(actor: Actor, school_id: int | None) -> bool:
    """People of a school ask for its devices; the ward officer for anybody's, and for the ward's own."""
    if school_id is None:
        return actor.role is Role.WARD_OFFICER
    at_a_school = actor.role is Role.WARD_OFFICER or school_id in actor.school_ids
    return at_a_school and access.may_see_school(actor, school_id) is None


def check(config: Config, asked: Request) -> None:
    """What somebody states about a device (R18). Raises `TextInvalid`."""
    name = " ".join(asked.name.split())
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise TextInvalid("name", "empty" if not name else "too_long")
    version = version_of(asked.os_version)
    if version is None:
        raise TextInvalid("os_version", "empty")
    if too_old(config, asked.os, version):
        raise TextInvalid("os_version", "too_old")
    if not asked.firewall and asked.kind != "own_phone":
        raise TextInvalid("firewall", "empty")
    if not asked.screen_lock:
        raise TextInvalid("screen_lock", "empty")


def version_of(text: str) -> int | None:
    """The first number of 「17.5.1」; None for what is no version."""
    parts = unicodedata.normalize("NFKC", text).strip().split(".")
    good = all(part.isascii() and part.isdigit() and len(part) < 7 for part in parts)
    return int(parts[0]) if good and len(parts) < 5 else None


def too_old(config: Config, system: str, version: int) -> bool:
    """Is it older than the ward asks for (`devices.minimum_os`)?"""
    least = {str(key): value for key, value in config.devices.minimum_os.items()}.get(system)
    return least is not None and version < least


def may_decide(actor: Actor) -> str | None:
    """To approve, refuse and revoke: the ward officer, on the administration site."""
    if actor.zone is not Zone.ADMIN:
        return "not_from_this_site"
    return None if actor.role is Role.WARD_OFFICER else "ward_officer_decides"


def decide(actor: Actor, device: Device, *, approve: bool, now: datetime) -> None:
    """Raises `NotAllowed`, `WrongState`."""
    reason = may_decide(actor)
    if reason is not None:
        raise NotAllowed(reason)
    after = DeviceState.APPROVED if approve else DeviceState.REFUSED
    with db.transaction():
        _move(device, after, decided_by=actor.account_id, decided_at=now)
        act = audit.Act.DEVICE_APPROVED if approve else audit.Act.DEVICE_REFUSED
        audit.record(actor, act, "device", device.id, school_id=device.school_id)


def make_code(config: Config, actor: Actor, device: Device, now: datetime) -> str:
    """The code with which an approved device enrols, for minutes; an earlier one is void.

    For who answers for it. Raises `NotAllowed`: also `approval_over`, since what was approved in one school
    year was stated in it (R18). Raises `WrongState`.
    """
    access.require(access.may_answer_for(actor, device))
    if approval_is_over(config, device, now):
        raise NotAllowed("approval_over")
    with db.transaction():
        code = _new_code(config, device, now)
        audit.record(actor, audit.Act.DEVICE_CODE_MADE, "device", device.id, school_id=device.school_id)
    return code


def approval_is_over(config: Config, device: Device, now: datetime) -> bool:
    """Was it approved, and never enrolled, in a school year that is over?"""
    since = device.decided_at or device.requested_at
    return device.state == DeviceState.APPROVED and year_end(config, since) <= now


def first(config: Config, name: str, school_id: int | None, now: datetime) -> str:
    """An operator brings in a school device when there is none yet; the code with which it enrols."""
    with db.transaction():
        device = Device.create(
            kind="school", state=DeviceState.APPROVED, school=school_id, name=name, os="other",
            os_version="0", firewall=True, screen_lock=True, requested_at=now, decided_at=now,
        )  # fmt: skip
        audit.record_operation(audit.Act.DEVICE_APPROVED, "device", device.id, kind="school")
        return _new_code(config, device, now)


def _new_code(config: Config, device: Device, now: datetime) -> str:
    code = base64.b32encode(secrets.token_bytes(_CODE_OCTETS)).decode("ascii").lower()
    made = (
        Device.update(
            code_hash=_hashed(code), code_ends_at=now + timedelta(minutes=config.devices.code_minutes)
        )
        .where(Device.id == device.id, Device.state == DeviceState.APPROVED)
        .execute()
    )
    if made != 1:
        states.check(DeviceState(device.state), DeviceState.ACTIVE)
    # Who has begun with an earlier code must not end it with this one.
    StaffSession.update(ended_at=now).where(
        StaffSession.device == device, StaffSession.opened_at.is_null(), StaffSession.ended_at.is_null()
    ).execute()
    return f"{code[:4]}-{code[4:]}"


def by_code(zone: Zone, typed: str, now: datetime) -> Device:
    """The approved device that this code enrols on this site. Raises `DeviceRefused("code")`."""
    code = "".join(letter for letter in unicodedata.normalize("NFKC", typed).lower() if letter.isalnum())
    found: Device | None = Device.get_or_none(
        Device.code_hash == _hashed(code), Device.state == DeviceState.APPROVED, Device.code_ends_at > now
    )
    if found is None or zone_of(found.kind) is not zone:
        raise DeviceRefused("code")
    return found


def enrol(config: Config, actor: Actor, device: Device, now: datetime) -> str:
    """Uses the code up; the device is active until the school year ends. Returns the token of its cookie.

    Inside the caller's transaction, with which its passkey is kept. Raises `DeviceRefused`.
    """
    secret = token.fresh()
    with db.transaction():
        enrolled = (
            Device.update(
                state=DeviceState.ACTIVE,
                token_hash=token.hashed(secret),
                code_hash=None,
                code_ends_at=None,
                enrolled_at=now,
                ends_at=year_end(config, now),
            )
            .where(
                Device.id == device.id,
                Device.state.in_(states.sources(DeviceState.ACTIVE)),
                Device.code_hash.is_null(False),
                Device.code_ends_at > now,
            )
            .execute()
        )
        if enrolled != 1:
            raise DeviceRefused("code")
        audit.record(actor, audit.Act.DEVICE_ENROLLED, "device", device.id, school_id=device.school_id)
    return secret.hex()


def year_end(config: Config, now: datetime) -> datetime:
    """Until when a device is good that is enrolled or kept now: `turn` and `devices.grace_days`."""
    return turn(config, now) + timedelta(days=config.devices.grace_days)


def turn(config: Config, now: datetime) -> datetime:
    """The first of April, in the ward's time zone, with which the year ends for what is enrolled or kept now;
    in the last weeks of a school year (`devices.notice_days`) it is the next year's."""
    here = now.astimezone(ZoneInfo(config.ward.timezone))
    month, day = _NEW_SCHOOL_YEAR
    first_day = here.replace(month=month, day=day, hour=0, minute=0, second=0, microsecond=0)
    if here >= first_day - timedelta(days=config.devices.notice_days):
        first_day = first_day.replace(year=here.year + 1)
    return first_day


def resolve(zone: Zone, text: str, now: datetime) -> Device | None:
    """The living device of this site whose cookie this is, or None."""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        return None
    with db.guarded():
        found: Device | None = Device.get_or_none(
            Device.token_hash == token.hashed(secret),
            Device.state == DeviceState.ACTIVE,
            Device.ends_at > now,
        )
    return found if found is not None and zone_of(found.kind) is zone else None


def fingerprint(device: Device) -> str:
    """Twelve digits that the device and the ward's page both show; nobody else can make them equal."""
    octets = hashlib.sha256(b"device\x1f" + bytes(device.token_hash)).digest()
    digits = f"{int.from_bytes(octets[:8], 'big') % 10**12:012}"
    return " ".join(digits[at : at + 4] for at in (0, 4, 8))


def revoke(actor: Actor, device: Device, now: datetime) -> None:
    """Ends a device and its sessions at once; its key stays behind as an empty shell. By who answers
    for it. Raises `NotAllowed`, `WrongState`."""
    access.require(access.may_answer_for(actor, device))
    with db.transaction():
        _end(actor, device, now)


def end_own_of(actor: Actor, account: Account, now: datetime) -> None:
    """The registered devices of somebody whose account ends, inside the caller's transaction."""
    over = (DeviceState.REFUSED, DeviceState.REVOKED)
    for device in Device.select().where(
        Device.holder == account, Device.kind != "school", Device.state.not_in(over)
    ):
        _end(actor, device, now)


def _end(actor: Actor, device: Device, now: datetime) -> None:
    _move(device, DeviceState.REVOKED, ended_at=now, code_hash=None, code_ends_at=None)
    StaffSession.update(ended_at=now).where(
        StaffSession.device == device, StaffSession.ended_at.is_null()
    ).execute()
    audit.record(actor, audit.Act.DEVICE_REVOKED, "device", device.id, school_id=device.school_id)
    if device.kind != "school":
        audit.tell(device.holder_id, audit.DEVICE_GONE)


def answered_for(actor: Actor) -> list[Device]:
    """A person's devices, and a principal's schools', the newest first."""
    own = Device.holder == actor.account_id
    if actor.role is Role.PRINCIPAL and actor.zone is Zone.ADMIN:
        own |= (Device.kind == "school") & Device.school.in_(list(actor.school_ids))
    rows = Device.select().where(own).order_by(Device.id.desc())
    return [row for row in rows if access.may_answer_for(actor, row) is None]


def of_ward() -> list[Device]:
    """All devices that are not over, those that wait for a decision first."""
    rows = (
        Device.select(Device, Account)
        .join(Account, JOIN.LEFT_OUTER, on=(Device.holder == Account.id))
        .where(Device.state.in_((DeviceState.REQUESTED, DeviceState.APPROVED, DeviceState.ACTIVE)))
        .order_by(Device.id.desc())
    )
    order = [DeviceState.REQUESTED, DeviceState.APPROVED, DeviceState.ACTIVE]
    return sorted(rows, key=lambda row: order.index(DeviceState(row.state)))


def _move(device: Device, after: DeviceState, **columns: object) -> None:
    moved = (
        Device.update(state=after, **columns)
        .where(Device.id == device.id, Device.state.in_(states.sources(after)))
        .execute()
    )
    if moved != 1:
        states.check(DeviceState(Device.get_by_id(device.id).state), after)


def _hashed(code: str) -> bytes:
    return hashlib.sha256(b"device code\x1f" + code.encode()).digest()
