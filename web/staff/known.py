"""Browsers in which somebody has logged in before: they are not locked out by what strangers type.

Owns a signed cookie that names, for each of the last accounts of this browser, a number of chance; only the
hash of the login id stands in it. It opens nothing: it only chooses by which count wrong passwords are
counted (`appliance.account.throttle`). Refuses to know passwords. Cannot fail: a cookie that is not ours
is none.
"""

import secrets
from datetime import timedelta

from flask import Response, current_app
from itsdangerous import BadSignature, URLSafeTimedSerializer

from appliance import clock
from appliance.account import throttle
from appliance.models import Account
from web.common import cookies

_LASTS = timedelta(days=180)
_MOST = 40
"""Accounts on one shared browser of a staff room; their cookie stays under 4 KB."""
_NAME_OCTETS = 8


def browser(login_id: str) -> bytes | None:
    """The number that this browser has for this account; None where it never logged in here."""
    number = _read().get(_name(login_id))
    return bytes.fromhex(number) if number else None


def remember(response: Response, account_id: int) -> None:
    """This account has just logged in here, with all the steps that it takes."""
    name = _name(Account.get_by_id(account_id).login_id)
    known = _read()
    number = known.pop(name, secrets.token_hex(_NAME_OCTETS))
    kept = dict([*known.items(), (name, number)][-_MOST:])
    cookies.give(response, _signer().dumps(kept), purpose="known", expires_at=clock.now() + _LASTS)


def _read() -> dict[str, str]:
    text = cookies.read("known")
    if not text:
        return {}
    try:
        found = _signer().loads(text, max_age=int(_LASTS.total_seconds()))
    except BadSignature:
        return {}
    return dict(found)


def _name(login_id: str) -> str:
    return throttle.login_hash(login_id.strip().lower()).hex()[: 2 * _NAME_OCTETS]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="karamail known browser")
