"""What the pages of the form need from outside: the keyring and a few settings.

Owns nothing but the bundle. Refuses the whole configuration: a page needs no database address. Cannot fail.
"""

from dataclasses import dataclass

from flask import current_app

from appliance.keys import Keyring

KEY = "karamail.guardian"


@dataclass(frozen=True, slots=True)
class Desk:
    """One per application."""

    keyring: Keyring
    names_max: int  # characters of one name
    token_hours: int  # life of a link
    routine_key: bytes  # reads the links that switch routine mail off, or confirm
    sender_address: str  # the From of our mails: what a phone has to let in


def desk() -> Desk:
    """The bundle of the application whose request this is."""
    found: Desk = current_app.extensions[KEY]
    return found
