"""On PostgreSQL, every statement of a test runs under the role of the zone whose code sent it.

So a missing grant fails a test and not production, and no test has to be written for it. The tests' own
connection belongs to a superuser; before each statement it becomes (SET SESSION AUTHORIZATION) the role of
the zone that is found on the stack, from the outermost frame that says one:

- a frame of `web`: the zone of the site that is answering; a frame of `smtp`: mail;
- a frame of `cli`, `demo`, or of nobody but the test: the owner of the tables, as an operator's command;
- a function of `appliance`: the zone of the keyring or of the actor in its hands, or mail where the module
  belongs to the mail daemon, or the keeper of the record whose module it is.

Fails as PostgreSQL does: `permission denied for table …`. Then either the zone should not do that, or a
line in `appliance/grants/table.py` is missing.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import flask
from peewee import Database

from appliance import db, grants
from appliance.actor import Actor
from appliance.config import Config, Keeper, Zone
from appliance.keys import Keyring
from web.common.site import Site

_MAIL_ONLY = (
    "appliance.answer",
    "appliance.delivery.ahead",
    "appliance.delivery.bounce",
    "appliance.delivery.claim",
    "appliance.delivery.journal",
    "appliance.delivery.pace",
    "appliance.delivery.settle",
    "appliance.notice.tell",
    "appliance.registration.budgets",
    "appliance.registration.request",
    "appliance.registration.upkeep",
    "appliance.transport",
)
_KEEPERS = {"appliance.record.seal": Keeper.SEALER, "appliance.record.witness": Keeper.WITNESS}
_TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def acting_zone(frame: FrameType | None) -> Zone | Keeper | None:
    """Whose code is running; None is an operator's command, or the test itself."""
    found: Zone | Keeper | None = None
    while frame is not None:
        room = frame.f_globals.get("__name__", "").partition(".")[0]
        if room == "web" and flask.has_app_context():
            site: Site = flask.current_app.extensions["karamail.site"]
            return site.zone
        if room == "smtp":
            return Zone.MAIL
        if room in ("cli", "demo"):
            return None
        if room == "appliance":
            found = _hinted(frame) or found
        frame = frame.f_back
    return found


def _hinted(frame: FrameType) -> Zone | Keeper | None:
    name = frame.f_globals["__name__"]
    if name.startswith(_MAIL_ONLY):
        return Zone.MAIL
    if name in _KEEPERS:
        return _KEEPERS[name]
    for local, value in frame.f_locals.items():
        if isinstance(value, Actor | Keyring):
            return value.zone
        if local == "zone" and name == "appliance.account.session":
            return Zone(value)
    return None


def switching(config: Config) -> Callable[..., Database]:
    """What takes the place of `db._engine`: one engine, whichever zone connects, that changes roles."""
    owner = "karamail"
    make = db._engine
    made: dict[str, Database] = {}
    roles = {holder: grants.role_name(config, holder) for holder in (*Zone, *Keeper)}

    class Switching(db._Postgresql):  # type: ignore[name-defined,misc]
        def execute_sql(self, sql: str, *arguments: Any, **more: Any) -> Any:
            if not sql.lstrip().startswith(_TRANSACTIONS):
                zone = acting_zone(sys._getframe(1))
                self._become(owner if zone is None else roles[zone])
            return super().execute_sql(sql, *arguments, **more)

        def _become(self, role: str) -> None:
            # PostgreSQL reports the parameter by itself, also when a rollback has set it back.
            connection = self.connection()
            if connection.info.parameter_status("session_authorization") != role:
                super().execute_sql(f'SET SESSION AUTHORIZATION "{role}"')

        def _close(self, connection: Any, *arguments: Any, **more: Any) -> Any:
            if not connection.closed and connection.info.transaction_status == 0:
                connection.execute("RESET SESSION AUTHORIZATION")
            return super()._close(connection, *arguments, **more)

    def engine(config: Config, holder: Zone | Keeper | None = None) -> Database:
        url = config.database.url
        if url not in made:
            made[url] = make(config, None)
            if isinstance(made[url], db._Postgresql):
                made[url].__class__ = Switching
        return made[url]

    return engine
