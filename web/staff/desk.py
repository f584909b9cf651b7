"""What every view of a staff site has at hand: the site's settings and keys, and who acts.

Owns their place in Flask's objects. Refuses to decide. Fails with LookupError where the guard did not run,
which would be a view that is public and should not ask.
"""

from dataclasses import dataclass

from flask import current_app, g

from appliance.account import Halfway
from appliance.actor import Actor
from appliance.config import Config, Zone
from appliance.keys import Keyring

KEY = "karamail.desk"


@dataclass(frozen=True, slots=True)
class Desk:
    """One running staff site."""

    config: Config
    zone: Zone
    keyring: Keyring


def desk() -> Desk:
    """The site whose request this is."""
    found: Desk = current_app.extensions[KEY]
    return found


def actor() -> Actor:
    """Who acts in this request. The guard has put it there before any view that is not public."""
    if "actor" not in g:
        raise LookupError("no actor: the view is public")
    found: Actor = g.actor
    return found


def person() -> Actor | Halfway:
    """Who acts, or who stands between the two steps of a login, in a view that is open to both."""
    if "halfway" in g:
        between: Halfway = g.halfway
        return between
    return actor()
