"""Accounts of staff: who has one, what proves it, what it opens (R15, R16, R19, R21, R33).

| room | owns |
|---|---|
| `people` | new accounts and their passwords |
| `report` | 届出: a person is named to the ward, the ward decides |
| `invitation` | the link with which a person sets the password |
| `handover` | people end, move, are suspended |
| `register` | who manages and who handles each school's ids |
| `training` | who has read the rules this school year |
| `term` | when a password is due |
| `password`, `guessable`, `spelling` | what may be one |
| `throttle` | how many wrong ones are too many |
| `opening` | an operator opens registrants, for a reason |
| `session` | the first step of a login, and what a session opens |
| `second_step` | the second step, and proving anew who is there before a weighty act |
| `factor`, `passkey`, `one_time`, `recovery` | what is shown in that step |
| `own_sessions` | where one is logged in |
| `person` | who proves something: `Halfway`, `Person` |

Refuses to know pages and cookies. Fails as the rooms do.
"""

from appliance.account.people import add, change_password
from appliance.account.person import Halfway
from appliance.account.session import enrolling_now, goes_on, halfway, leave, login, logout, resolve

__all__ = [
    "Halfway",
    "add",
    "change_password",
    "enrolling_now",
    "goes_on",
    "halfway",
    "leave",
    "login",
    "logout",
    "resolve",
]
