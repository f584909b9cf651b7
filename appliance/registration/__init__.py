"""Registration: 仮登録 (requested) → 本登録 (confirmed) → 登録解除 (withdrawn); 期限切れ (expired).

Owns the way from an empty mail to a confirmed guardian (R04, R05). `request` is what the mail zone calls:
when it returns, the pending row and the reply mail are committed. `look` and `confirm` are what the form
calls. Guarantees:

- the same mail twice (same digest) makes one request;
- a link works once, for a day, for the school it was made for;
- a child is found by name within its class, so that the second guardian of a child joins it;
- nothing is told about whether an address was known.

Refuses to know how the mail arrived and how the form looks. Fails with the `RegistrationError` sentences.
"""

from appliance.registration.budgets import Budgets
from appliance.registration.confirm import Confirmed, Invitation, confirm, confirm_by_answer, look
from appliance.registration.request import Request, Requested, request, request_many
from appliance.registration.upkeep import expire
from appliance.security_code import is_shaped as is_code_shaped

__all__ = [
    "Budgets",
    "Confirmed",
    "Invitation",
    "Request",
    "Requested",
    "confirm",
    "confirm_by_answer",
    "expire",
    "is_code_shaped",
    "look",
    "request",
    "request_many",
]
