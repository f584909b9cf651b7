"""The second step of a login, and proving anew who is there before a weighty act (step-up).

Owns what counts as proof for whom, the throttling of codes, and the opening of a session in place of the
half-open one. Codes are throttled per account, wherever they come from: who tries them has the password
already. Passkeys are never throttled, so nobody can lock their owner out. Refuses to know pages. Fails with
`FactorRefused`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from appliance import audit, db, token
from appliance.account import factor, one_time, passkey, recovery, session, throttle
from appliance.account import password as passwords
from appliance.account.person import Halfway, Person
from appliance.actor import Actor
from appliance.config import Config
from appliance.errors import FactorRefused
from appliance.keys import Keyring
from appliance.models import Account, Factor, StaffSession

Way = Literal["passkey", "code", "recovery", "password"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows: a passkey's answer (JSON), a one-time code, a recovery code, or the password."""

    way: Way
    text: str


def ways(config: Config, who: Person) -> tuple[Way, ...]:
    """What this person may show, the easiest first; empty for somebody who first has to add a factor.

    On a registered device that is the device's own passkey and nothing else. The password counts only where
    there is no factor and no role that needs one.
    """
    if session.own_device(who.device_id):
        return ("passkey",)
    kinds = {row.kind for row in factor.of(who.account_id, who.zone)}
    found: list[Way] = []
    if "passkey" in kinds:
        found.append("passkey")
    if "totp" in kinds:
        found.append("code")
    if found:
        return (*found, "recovery")
    account = Account.get_by_id(who.account_id)
    return () if factor.required(config, session.role_of(account)) else ("password",)


def enter(config: Config, keyring: Keyring, who: Halfway, proof: Proof, now: datetime) -> tuple[str, Actor]:
    """Opens the half-open session. Returns its new token. Raises `FactorRefused`."""
    if proof.way == "password":
        raise FactorRefused("password")  # it was the first step
    _proved(config, keyring, who, proof, now)
    return open_(config, who, proof.way, now)


def open_(config: Config, who: Halfway, way: str, now: datetime) -> tuple[str, Actor]:
    """Opens a session in place of the half-open one, whose person has proved or just added a factor.

    No session ever changes its token, so that a zone needs no right to do so. Raises `FactorRefused`.
    """
    secret = token.fresh()
    with db.transaction():
        ended = (
            StaffSession.update(ended_at=now)
            .where(
                StaffSession.id == who.session_id,
                StaffSession.opened_at.is_null(),
                StaffSession.ended_at.is_null(),
                StaffSession.ends_at > now,
            )
            .execute()
        )
        if ended != 1:
            raise FactorRefused("gone")
        half = StaffSession.get_by_id(who.session_id)
        opened = StaffSession.create(
            token_hash=token.hashed(secret),
            account=half.account_id,
            zone=half.zone,
            network=who.network,
            created_at=now,
            seen_at=now,
            ends_at=now + timedelta(hours=config.account.session_hours),
            opened_at=now,
            confirmed_at=now,
            agent=half.agent,
            device=half.device_id,
        )
        actor = session.actor_of(opened, who.network)
        audit.record(actor, audit.Act.LOGIN, "session", opened.id, way=way)
    return secret.hex(), actor


@dataclass(frozen=True, slots=True)
class Added:
    """A new factor; the recovery codes that came with the first one; the token of a session it opened."""

    factor: Factor
    codes: list[str]
    opened: str | None


def add(config: Config, who: Actor | Halfway, keep: Callable[[], Factor], now: datetime) -> Added:
    """Keeps what `keep` makes of an authenticator's answer. Somebody between the steps adds a first one only.

    Raises `FactorRefused`: `not_this_way`, `too_many`, `gone`, and what `keep` raises.
    """
    with db.transaction():
        before = len(factor.of(who.account_id, who.zone))
        if session.own_device(who.device_id) or (before and isinstance(who, Halfway)):
            raise FactorRefused("not_this_way")
        if before >= factor.MOST:
            raise FactorRefused("too_many")
        made = keep()
        _still_in(who)
        codes = [] if recovery.left(who.account_id, who.zone) else recovery.renew(who, now)
        opened, actor = open_(config, who, "enrolled", now) if isinstance(who, Halfway) else (None, who)
        audit.record(
            actor, audit.Act.FACTOR_ADDED, "factor", made.id, kind=made.kind, synced=bool(made.synced)
        )
        if codes:
            audit.record(actor, audit.Act.RECOVERY_CODES_MADE, "account", actor.account_id)
    return Added(made, codes, opened)


def _still_in(who: Person) -> None:
    """After a row that refers to the account: its sessions end before or after this (`ending`).

    Raises `FactorRefused("gone")`.
    """
    if session.has_ended(who.session_id):
        raise FactorRefused("gone")


def renew_codes(actor: Actor, now: datetime) -> list[str]:
    """Ten new recovery codes. Raises `FactorRefused`: `none` without a factor, `gone` without a session."""
    with db.transaction():
        if not factor.of(actor.account_id, actor.zone):
            raise FactorRefused("none")
        codes = recovery.renew(actor, now)
        _still_in(actor)
        audit.record(actor, audit.Act.RECOVERY_CODES_MADE, "account", actor.account_id)
    return codes


def fresh(config: Config, actor: Actor, now: datetime) -> bool:
    """Has this person proved who is there within `factors.confirm_minutes`?"""
    last = actor.confirmed_at
    return last is not None and now - last < timedelta(minutes=config.factors.confirm_minutes)


def confirm(config: Config, keyring: Keyring, actor: Actor, proof: Proof, now: datetime) -> None:
    """The person is there, just now. Raises `FactorRefused`."""
    _proved(config, keyring, actor, proof, now)
    with db.transaction():
        StaffSession.update(confirmed_at=now).where(StaffSession.id == actor.session_id).execute()
        audit.record(actor, audit.Act.CONFIRMED, "session", actor.session_id, way=proof.way)


def check_password(config: Config, actor: Actor, text: str, now: datetime) -> None:
    """The password of somebody who is in and changes it: who finds an open screen does not guess it there.

    Raises `FactorRefused`: `password`, `throttled`.
    """
    _not_too_often(config, actor, now)
    if not passwords.matches(text, Account.get_by_id(actor.account_id).password_phc):
        _note(config, actor, "password", "password", now)
        raise FactorRefused("password")


def _proved(config: Config, keyring: Keyring, who: Person, proof: Proof, now: datetime) -> None:
    if proof.way not in ways(config, who):
        raise FactorRefused("not_this_way")
    if proof.way != "passkey":
        _not_too_often(config, who, now)
    try:
        if proof.way == "passkey":
            with db.guarded():
                passkey.check(config, who, proof.text, now)
        elif proof.way == "code":
            one_time.check(keyring, who, proof.text, now)
        elif proof.way == "recovery":
            recovery.check(who, proof.text, now)
        elif not passwords.matches(proof.text, Account.get_by_id(who.account_id).password_phc):
            raise FactorRefused("password")
    except FactorRefused as refused:
        _note(config, who, proof.way, refused.reason, now)
        raise
    if proof.way == "recovery":
        with db.transaction():
            left = recovery.left(who.account_id, who.zone)
            _record(who, audit.Act.RECOVERY_CODE_USED, "account", who.account_id, codes_left=left)


def _note(config: Config, who: Person, way: Way, reason: str, now: datetime) -> None:
    """Counts a refusal, and records the first and the one after which it is throttled."""
    counted = _counted_as(who, "passkey" if way == "passkey" else "code")
    door = throttle.Door(config, who.zone, now)
    with db.transaction():
        first = door.note(counted, "" if way == "passkey" else who.network, None)
        wait_s = 0 if way == "passkey" else door.everywhere_s(counted)
        if first or wait_s:
            result = "throttled" if wait_s else reason
            _record(who, audit.Act.FACTOR_REFUSED, "session", who.session_id, result=result, way=way)
            if isinstance(who, Halfway):  # the password was right; inside, one mistypes one's own
                audit.tell(who.account_id, audit.SECOND_FAILED)


def _record(who: Person, act: audit.Act, kind: str, object_id: int | None, **more: Any) -> None:
    """Also for somebody between the two steps, who is no actor yet."""
    acting = session.actor_of(StaffSession.get_by_id(who.session_id), who.network)
    audit.record(acting, act, kind, object_id, **more)


def _not_too_often(config: Config, who: Person, now: datetime) -> None:
    wait_s = throttle.Door(config, who.zone, now).everywhere_s(_counted_as(who, "code"))
    if wait_s:
        raise FactorRefused("throttled", wait_s=wait_s)


def _counted_as(who: Person, what: str) -> bytes:
    return throttle.login_hash(f"second step\x1f{what}\x1f{who.account_id}")
