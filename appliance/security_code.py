"""学校ID(セキュリティコード): the school's code on the handout (R03).

Owns its form and its renewal. Eight characters from an alphabet without look-alikes, the last one a check
character, so that one mistyped or two swapped characters are noticed before anything is looked up. Refuses
to call it secret: it is printed on paper; knowing it lets one ask for a registration mail, nothing more.
Fails with `KaramailError` only as the database does.
"""

import secrets

from appliance import clock, db
from appliance.models import School, SecurityCode

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # 31, a prime: no i, l, o, 0, 1
LENGTH = 8


def _check_character(body: str) -> str:
    """Weighted sum modulo 31: finds every single error and every transposition of neighbours."""
    total = sum((place + 2) * ALPHABET.index(character) for place, character in enumerate(body))
    return ALPHABET[total % len(ALPHABET)]


def is_shaped(local_part: str) -> bool:
    """Could a school have printed this? Cheap, and needs no database."""
    code = local_part.lower()
    return (
        len(code) == LENGTH
        and all(character in ALPHABET for character in code)
        and _check_character(code[:-1]) == code[-1]
    )


def mint() -> str:
    """A fresh code."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + _check_character(body)


def renew(school: School) -> SecurityCode:
    """Retires the school's codes and issues a new one; mail to the old ones is still answered kindly."""
    with db.transaction():
        SecurityCode.update(state="retired", retired_at=clock.now()).where(
            SecurityCode.school == school, SecurityCode.state == "active"
        ).execute()
        made: SecurityCode = SecurityCode.create(school=school, code=mint(), created_at=clock.now())
    return made


def current(school_id: int) -> SecurityCode | None:
    """The code that this year's handout shows."""
    found: SecurityCode | None = SecurityCode.get_or_none(
        SecurityCode.school == school_id, SecurityCode.state == "active"
    )
    return found
