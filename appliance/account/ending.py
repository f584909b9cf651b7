"""Ending what somebody has open, on both sites, also against whoever is just coming in.

Owns the lock on an account, and the end of its sessions under it. A login and a new factor insert rows that
refer to the account, which PostgreSQL lets nobody do while it is held: they come before, and are ended, or
after, and see why they may not (`session.login`, `second_step.add` look again). Refuses to judge who may end
what. Cannot fail.
"""

from datetime import datetime

from appliance import db
from appliance.models import Account, StaffSession


def hold(*accounts: Account) -> None:
    """Locks the accounts until the commit: who ends, moves or invites somebody waits for whoever does so now.

    By id, so that two who hold several wait for each other, and never both ways.
    """
    ids = sorted(account.id for account in accounts)
    list(db.held(Account.select(Account.id).where(Account.id.in_(ids)).order_by(Account.id), "FOR UPDATE"))


def end_sessions(account: Account, now: datetime, *, keep_session: int | None = None) -> int:
    """Inside the caller's transaction, at their next click; all but one, or all. How many."""
    hold(account)
    living = StaffSession.account == account, StaffSession.ended_at.is_null()
    kept = () if keep_session is None else (StaffSession.id != keep_session,)
    ended: int = StaffSession.update(ended_at=now).where(*living, *kept).execute()
    return ended
