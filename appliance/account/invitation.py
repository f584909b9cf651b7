"""招待: a link with which a person sets the password, once and soon (R15, R21).

Owns the links: 128 bits, kept only hashed, so that a link can be shown when it is made and never again; a
newer one ends the older. The first password and a new one for who has lost theirs come the same way. Refuses
to carry the link to anybody: it is handed over on paper, or by the ward's own mail (decision 0110). Fails
with `NotAllowed`, `InvitationInvalid` and, for a password that will not do, `TextInvalid`.
"""

import secrets
from datetime import datetime, timedelta

from appliance import access, audit, db, token
from appliance.account.ending import hold
from appliance.account.people import end_invitations, fresh_password, set_password
from appliance.actor import Actor, Role
from appliance.config import Config, Zone
from appliance.errors import InvitationInvalid, TokenUnknown
from appliance.models import Account, AccountSchool, Invitation
from appliance.states import AccountState


def issue(config: Config, actor: Actor, account: Account, now: datetime) -> tuple[str, datetime]:
    """A new link's token and when it ends. Raises `NotAllowed`."""
    access.require(access.may_invite(actor, account))
    secret = secrets.token_bytes(token.OCTETS)
    expires_at = now + timedelta(hours=config.account.invitation_hours)
    with db.transaction():
        hold(account)
        end_invitations(account, now)
        made = Invitation.create(
            account=account, token_hash=token.hashed(secret), issued_at=now, expires_at=expires_at
        )
        audit.record(actor, audit.Act.INVITATION_ISSUED, "account", account.id, invitation=made.id)
    return token.write(secret), expires_at


def look(text: str, now: datetime) -> Invitation:
    """The invitation behind a link, with its account. Raises `InvitationInvalid`."""
    try:
        secret = token.read(text)
    except TokenUnknown:
        raise InvitationInvalid("unknown") from None
    found: Invitation | None = (
        Invitation.select(Invitation, Account)
        .join(Account)
        .where(Invitation.token_hash == token.hashed(secret))
        .get_or_none()
    )
    if found is None:
        raise InvitationInvalid("unknown")
    reason = _why_not(found, now)
    if reason is not None:
        raise InvitationInvalid(reason)
    return found


def _why_not(found: Invitation, now: datetime) -> str | None:
    if bool(found.used_at):
        return "used"
    if bool(found.ended_at) or found.account.state not in (AccountState.INVITED, AccountState.ACTIVE):
        return "ended"
    return "expired" if found.expires_at <= now else None


def accept(
    config: Config, text: str, password: str, *, network: str, now: datetime, device_id: int | None = None
) -> Account:
    """Sets the password; ends every session and other link. `device_id`: the known one that it is done at.

    Raises `InvitationInvalid`, `TextInvalid`.
    """
    found = look(text, now)
    account: Account = found.account
    phc = fresh_password(config, account, password)
    with db.transaction():
        used = (
            Invitation.update(used_at=now)
            .where(Invitation.id == found.id, Invitation.used_at.is_null(), Invitation.ended_at.is_null())
            .execute()
        )
        opened = (
            Account.update(state=AccountState.ACTIVE)
            .where(Account.id == account.id, Account.state.in_((AccountState.INVITED, AccountState.ACTIVE)))
            .execute()
        )
        if used != 1 or opened != 1:
            raise InvitationInvalid("used")
        set_password(account, phc, now)
        audit.record(_guest(account, network, device_id), audit.Act.INVITATION_USED, "account", account.id)
    return account


def _guest(account: Account, network: str, device_id: int | None) -> Actor:
    """Who holds the link acts as the account, before there is a session."""
    school_ids = AccountSchool.select(AccountSchool.school).where(AccountSchool.account == account).tuples()
    schools = frozenset(row[0] for row in school_ids)
    return Actor(account.id, Role(account.role), schools, Zone.ADMIN, network, device_id=device_id)
