"""Accounts of staff and their sessions (R15, R16, R21).

Owns three rooms: `people` (who has an account), `password` (what may be one) and `session` (login and what
it opens). Refuses to know pages and cookies. Fails as the rooms do.
"""

from appliance.account.people import add, change_password
from appliance.account.session import login, logout, resolve

__all__ = ["add", "change_password", "login", "logout", "resolve"]
