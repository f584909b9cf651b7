"""Passkeys: asking an authenticator, and judging what it answers (WebAuthn level 3, by py_webauthn).

Owns the challenges, which live in the database for minutes and are answered once, in the session that asked.
Always demands that the authenticator verified its user; origin and rp id are the site's own settings. Refuses
attestation: which make of authenticator somebody has is none of our business. Fails with `FactorRefused`.
"""

import hashlib
from datetime import datetime, timedelta

from peewee import IntegrityError
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorAttachment,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from appliance import db, token
from appliance.account import session
from appliance.account.person import Person
from appliance.config import Config
from appliance.errors import FactorRefused
from appliance.models import Account, Challenge, Factor

CHALLENGE_LIFE = timedelta(minutes=10)
_ANSWER_MAX = 20_000  # characters; an answer with a long attestation has some 2,000
_UNREADABLE = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError)


def ask_new(config: Config, who: Person, now: datetime) -> str:
    """The options (JSON) with which a browser makes a new passkey for this person."""
    account = Account.get_by_id(who.account_id)
    on_device = session.own_device(who.device_id) is not None
    options = generate_registration_options(
        rp_id=config.site(who.zone).relying_party,
        rp_name=config.ward.name,
        user_id=hashlib.sha256(f"{who.zone}\x1f{account.id}".encode()).digest(),
        user_name=account.login_id,
        user_display_name=account.display_name,
        challenge=_challenge(who, "enrol", now),
        authenticator_selection=AuthenticatorSelectionCriteria(
            # A key that is not discoverable stays where it is on more makes of phones.
            resident_key=ResidentKeyRequirement.DISCOURAGED
            if on_device
            else ResidentKeyRequirement.PREFERRED,
            authenticator_attachment=AuthenticatorAttachment.PLATFORM if on_device else None,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[] if on_device else _descriptors(_usable(who)),
    )
    return options_to_json(options)


def add(config: Config, who: Person, name: str, answer: str, now: datetime) -> Factor:
    """Keeps a new passkey, inside the caller's transaction. Raises `FactorRefused`."""
    site = config.site(who.zone)
    try:
        credential = parse_registration_credential_json(_bounded(answer))
        made = verify_registration_response(
            credential=credential,
            expected_challenge=_answered(who, "enrol", credential.response.client_data_json, now),
            expected_rp_id=site.relying_party,
            expected_origin=site.origin.rstrip("/"),
            require_user_verification=True,
        )
    except _UNREADABLE:
        raise FactorRefused("passkey") from None
    synced = made.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    device_id = session.own_device(who.device_id)
    if synced and device_id is not None and not config.devices.synced_passkeys:
        raise FactorRefused("synced")
    try:
        with db.transaction():
            factor: Factor = Factor.create(
                account=who.account_id,
                zone=who.zone,
                kind="passkey",
                name=name,
                credential_id=made.credential_id,
                public_key=made.credential_public_key,
                sign_count=made.sign_count,
                synced=synced,
                created_at=now,
                device=device_id,
            )
    except IntegrityError:
        raise FactorRefused("known") from None
    return factor


def ask(config: Config, who: Person, now: datetime) -> str | None:
    """The options (JSON) with which a browser lets one of the person's passkeys sign; None without any."""
    usable = _usable(who)
    if not usable:
        return None
    options = generate_authentication_options(
        rp_id=config.site(who.zone).relying_party,
        challenge=_challenge(who, "prove", now),
        allow_credentials=_descriptors(usable),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def check(config: Config, who: Person, answer: str, now: datetime) -> Factor:
    """The passkey that signed. Raises `FactorRefused`: another's, a challenge used before, a copied key."""
    site = config.site(who.zone)
    try:
        credential = parse_authentication_credential_json(_bounded(answer))
        factor = next((row for row in _usable(who) if bytes(row.credential_id) == credential.raw_id), None)
        if factor is None:
            raise FactorRefused("passkey")
        signed = verify_authentication_response(
            credential=credential,
            expected_challenge=_answered(who, "prove", credential.response.client_data_json, now),
            expected_rp_id=site.relying_party,
            expected_origin=site.origin.rstrip("/"),
            credential_public_key=bytes(factor.public_key),
            credential_current_sign_count=factor.sign_count,
            require_user_verification=True,
        )
    except _UNREADABLE:
        raise FactorRefused("passkey") from None
    with db.transaction():
        Factor.update(sign_count=signed.new_sign_count, used_at=now).where(Factor.id == factor.id).execute()
    return factor


def _usable(who: Person) -> list[Factor]:
    """On a registered device only the key of this device counts; elsewhere one's own."""
    device_id = session.own_device(who.device_id)
    here = Factor.device.is_null() if device_id is None else Factor.device == device_id
    return list(
        Factor.select().where(
            Factor.account == who.account_id, Factor.zone == who.zone, Factor.kind == "passkey", here
        )
    )


def _descriptors(factors: list[Factor]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=bytes(row.credential_id),
            transports=[AuthenticatorTransport.INTERNAL] if row.device_id is not None else None,
        )
        for row in factors
    ]


def _challenge(who: Person, purpose: str, now: datetime) -> bytes:
    octets = token.fresh()
    with db.transaction():
        Challenge.delete().where(Challenge.made_at < now - CHALLENGE_LIFE).execute()
        Challenge.create(session=who.session_id, purpose=purpose, octets=octets, made_at=now)
    return octets


def _answered(who: Person, purpose: str, client_data_json: bytes, now: datetime) -> bytes:
    """Takes the challenge that was signed out of the database: the same answer is worth nothing again."""
    octets = parse_client_data_json(client_data_json).challenge
    with db.transaction():
        taken = (
            Challenge.delete()
            .where(
                Challenge.session == who.session_id,
                Challenge.purpose == purpose,
                Challenge.octets == octets,
                Challenge.made_at >= now - CHALLENGE_LIFE,
            )
            .execute()
        )
    if taken != 1:
        raise FactorRefused("passkey")
    return octets


def _bounded(answer: str) -> str:
    if len(answer) > _ANSWER_MAX:
        raise FactorRefused("passkey")
    return answer
