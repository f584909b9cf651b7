"""What every command starts from.

Owns reading the configuration once and connecting once, when first asked. Refuses anything else. Fails with
`ConfigInvalid` and the database's sentences.
"""

import time
from functools import cached_property
from pathlib import Path

import click

from appliance import config, db, log
from appliance.config import Config, Keeper, Zone
from appliance.errors import DatabaseUnavailable

_WAIT_S = 2.0


class Context:
    """Handed to commands by `pass_context`."""

    def __init__(self, config_path: Path) -> None:
        self.config_path = config_path

    @cached_property
    def config(self) -> Config:
        return config.load(self.config_path)

    def connect(self, holder: Zone | Keeper | None = None, *, checked: bool = True) -> Config:
        """Binds the database, for `holder` as its own role; `checked` refuses a schema not this program's."""
        db.connect(self.config, holder)
        if checked:
            db.check_schema()
        return self.config

    def connect_patiently(self, holder: Zone | Keeper) -> Config:
        """The same for what starts with the machine: waits until the database is there."""
        while True:
            try:
                return self.connect(holder)
            except DatabaseUnavailable as error:
                log.database_unavailable(error)
                time.sleep(_WAIT_S)


pass_context = click.make_pass_decorator(Context)
