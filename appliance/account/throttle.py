"""How many wrong passwords are too many: against guessing one account and against spraying all (ASVS 6.3.1).

Owns three counts over a quarter of an hour: an account from one network, an account from everywhere, a
network over all accounts. A browser in which this account has logged in before is asked by a count of its
own and by no other, so that no stranger, on the same network or with a thousand machines, locks a principal
out. The decision never depends on whether an account exists. Refuses to know passwords. Cannot fail.
"""

import hashlib
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from peewee import Expression

from appliance.config import Config
from appliance.models import LoginFailure

WINDOW = timedelta(minutes=15)
FROM_A_NETWORK_MAX, IN_ALL_MAX = 60, 1_000
"""Failures within the window, beyond which they are a flood."""
_KEPT = timedelta(days=1)


def login_hash(login_id: str) -> bytes:
    """What is kept of a login id as it was typed."""
    return hashlib.sha256(login_id.encode()).digest()


def wait_s(config: Config, login: bytes, network: str, browser: bytes | None, now: datetime) -> int:
    """Seconds until the next attempt is judged; 0: now. `browser` names one that the account is known in."""
    guessed_s = guessed_wait_s(config, login, network, browser, now)
    if browser is not None:
        return guessed_s
    here, unknown = LoginFailure.network == _place(network), LoginFailure.browser.is_null()
    return max(guessed_s, _wait(now, config.account.failures_per_network_per_quarter_hour, here, unknown))


def guessed_wait_s(config: Config, login: bytes, network: str, browser: bytes | None, now: datetime) -> int:
    """The same, of attempts at this very login id alone."""
    limits = config.account
    this, unknown = LoginFailure.login_hash == login, LoginFailure.browser.is_null()
    if browser is not None:
        return _wait(now, limits.failures_per_quarter_hour, this, LoginFailure.browser == browser)
    here = LoginFailure.network == _place(network)
    return max(
        _wait(now, limits.failures_per_quarter_hour, this, here, unknown),
        _wait(now, limits.failures_per_account_per_quarter_hour, this, unknown),
    )


def everywhere_s(config: Config, login: bytes, now: datetime) -> int:
    """The same for who has shown the password already: one count, wherever the attempts come from."""
    return _wait(now, config.account.failures_per_quarter_hour, LoginFailure.login_hash == login)


def note(login: bytes, network: str, browser: bytes | None, now: datetime) -> bool:
    """A wrong password, inside the caller's transaction. Whether it is the first of its kind in `WINDOW`."""
    here = LoginFailure.network == _place(network) if browser is None else LoginFailure.browser == browser
    again = LoginFailure.select().where(
        LoginFailure.login_hash == login, here, LoginFailure.at > now - WINDOW
    )
    first = not again.exists()
    LoginFailure.create(login_hash=login, network=_place(network), browser=browser, at=now)
    LoginFailure.delete().where(LoginFailure.at < now - _KEPT).execute()
    return first


def is_flood(network: str, now: datetime) -> bool:
    """Whether so many have failed, from there or in all, that records of single ones would fill a disk."""
    failed = LoginFailure.select(LoginFailure.id).where(LoginFailure.at > now - WINDOW)
    here = failed.where(LoginFailure.network == _place(network))
    limits = ((here, FROM_A_NETWORK_MAX), (failed, IN_ALL_MAX))
    return any(int(which.limit(most + 1).count()) > most for which, most in limits)


def _place(network: str) -> str:
    """Whoever has one IPv6 address has its whole /64."""
    try:
        address = ip_address(network)
    except ValueError:
        return network
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else network


def _wait(now: datetime, most: int, *which: Expression) -> int:
    """Until the oldest of the last `most` failures leaves the window."""
    oldest = (
        LoginFailure.select(LoginFailure.at)
        .where(LoginFailure.at > now - WINDOW, *which)
        .order_by(LoginFailure.at.desc())
        .offset(most - 1)
        .limit(1)
        .tuples()
    )
    row = next(iter(oldest), None)
    return 0 if row is None else max(1, int((row[0] + WINDOW - now).total_seconds()))
