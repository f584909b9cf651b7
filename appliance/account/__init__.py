"""Accounts of staff, how they prove who they are, and their sessions (R15, R16, R21).

| room | owns |
|---|---|
| `people` | who has an account |
| `password` | what may be one |
| `session` | the first step of a login, and what a session opens |
| `second_step` | the second step, and proving anew who is there before a weighty act |
| `factor`, `passkey`, `one_time`, `recovery` | what is shown in that step |
| `own_sessions` | where one is logged in |
| `person` | who proves something: `Halfway`, `Person` |

Refuses to know pages and cookies. Fails as the rooms do.
"""

from appliance.account.people import add, change_password
from appliance.account.person import Halfway
from appliance.account.session import enrolling_now, halfway, login, logout, resolve

__all__ = ["Halfway", "add", "change_password", "enrolling_now", "halfway", "login", "logout", "resolve"]
