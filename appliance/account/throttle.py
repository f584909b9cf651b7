"""How many wrong passwords are too many: against guessing one account and against spraying all (ASVS 6.3.1).

Owns three counts over a quarter of an hour: an account from one network, an account from everywhere, a
network over all accounts. A browser in which this account has logged in before is asked by a count of its
own and by no other, so that no stranger, on the same network or with a thousand machines, locks a principal
out. Codes of devices (`appliance.enrolment`) have a count of their own by network, which stands in nobody's
way to log in. The decision never depends on whether an account exists. Refuses to know passwords. Cannot
fail.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from peewee import Expression

from appliance.config import Config, Zone
from appliance.models import LoginFailure

WINDOW = timedelta(minutes=15)
FROM_A_NETWORK_MAX, IN_ALL_MAX = 60, 1_000
"""Failures within the window, beyond which they are a flood."""
_KEPT = timedelta(days=1)
CODES = hashlib.sha256(b"device codes\x1f").digest()
"""Stands for the login id where a code was wrong, which names nobody; no id ends like this."""


def login_hash(login_id: str) -> bytes:
    """What is kept of a login id as it was typed."""
    return hashlib.sha256(login_id.encode()).digest()


@dataclass(frozen=True, slots=True)
class Door:
    """One site's counts at a moment, its own: who has taken over a site bars nobody from another."""

    config: Config
    zone: Zone
    now: datetime

    def wait_s(self, login: bytes, network: str, browser: bytes | None) -> int:
        """Seconds until the next attempt is judged; 0: now. `browser`: one in which the account is known."""
        guessed_s = self.guessed_wait_s(login, network, browser)
        if browser is not None:
            return guessed_s
        most = self.config.account.failures_per_network_per_quarter_hour
        here, unknown = LoginFailure.network == _place(network), LoginFailure.browser.is_null()
        return max(guessed_s, self._wait_s(most, here, unknown, LoginFailure.login_hash != CODES))

    def code_wait_s(self, network: str) -> int:
        """Seconds until the next code from this network is looked at; 0: now."""
        most = self.config.account.failures_per_network_per_quarter_hour
        return self._wait_s(most, LoginFailure.login_hash == CODES, LoginFailure.network == _place(network))

    def guessed_wait_s(self, login: bytes, network: str, browser: bytes | None) -> int:
        """The same, of attempts at this very login id alone."""
        limits = self.config.account
        this, unknown = LoginFailure.login_hash == login, LoginFailure.browser.is_null()
        if browser is not None:
            return self._wait_s(limits.failures_per_quarter_hour, this, LoginFailure.browser == browser)
        here = LoginFailure.network == _place(network)
        return max(
            self._wait_s(limits.failures_per_quarter_hour, this, here, unknown),
            self._wait_s(limits.failures_per_account_per_quarter_hour, this, unknown),
        )

    def everywhere_s(self, login: bytes) -> int:
        """The same for who has shown the password already: one count, wherever the attempts come from."""
        most = self.config.account.failures_per_quarter_hour
        return self._wait_s(most, LoginFailure.login_hash == login)

    def note(self, login: bytes, network: str, browser: bytes | None) -> bool:
        """A wrong password, or code (`CODES`), inside the caller's transaction. Whether it is the first such
        in `WINDOW`."""
        place = _place(network)
        here = LoginFailure.network == place if browser is None else LoginFailure.browser == browser
        first = not self._lately().where(LoginFailure.login_hash == login, here).exists()
        LoginFailure.create(zone=self.zone, login_hash=login, network=place, browser=browser, at=self.now)
        mine = LoginFailure.zone == self.zone
        LoginFailure.delete().where(mine, LoginFailure.at < self.now - _KEPT).execute()
        return first

    def is_flood(self, network: str, *, of_codes: bool = False) -> bool:
        """Whether so many have failed, there or in all, that records of single ones would fill a disk.

        Codes that strangers try hide no wrong password.
        """
        are_codes = LoginFailure.login_hash == CODES
        failed = self._lately().where(are_codes if of_codes else ~are_codes)
        here = failed.where(LoginFailure.network == _place(network))
        limits = ((here, FROM_A_NETWORK_MAX), (failed, IN_ALL_MAX))
        return any(int(which.limit(most + 1).count()) > most for which, most in limits)

    def _lately(self) -> Any:
        """A clock that was put back does not count what is still to come."""
        return LoginFailure.select(LoginFailure.id, LoginFailure.at).where(
            LoginFailure.zone == self.zone, LoginFailure.at > self.now - WINDOW, LoginFailure.at <= self.now
        )

    def _wait_s(self, most: int, *which: Expression) -> int:
        """Until the oldest of the last `most` failures leaves the window."""
        latest_first = self._lately().where(*which).order_by(LoginFailure.at.desc())
        row = next(iter(latest_first.offset(most - 1).limit(1)), None)
        return 0 if row is None else max(1, int((row.at + WINDOW - self.now).total_seconds()))


def _place(network: str) -> str:
    """Whoever has one IPv6 address has its whole /64."""
    try:
        address = ip_address(network)
    except ValueError:
        return network
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else network
