"""A ward on PostgreSQL, and connections such as somebody has who has taken over a zone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from appliance import grants, keystore
from appliance.config import Config, Zone
from appliance.keys import Keyring, secrets
from tests.web.staff.ward import Ward, standing

Rows = list[tuple[Any, ...]]


@pytest.fixture
def database_url(furnished_postgres_url: str) -> str:
    """SQLite has no roles."""
    return furnished_postgres_url


@pytest.fixture
def ward(database: Config) -> Ward:
    return standing(database)


class Intruder:
    """Has everything that a process of the zone has: its secrets, and the way into the database."""

    def __init__(self, config: Config, zone: Zone) -> None:
        self.zone = zone
        self._connection = psycopg.connect(
            config.database.url,
            user=grants.role_name(config, zone),
            password=secrets.text(config.secrets_dir / zone.value, secrets.ROLE_PASSWORD),
            autocommit=True,
        )
        self.keyring: Keyring = keystore.open_keyring(config, zone)

    def run(self, statement: str, *parameters: Any) -> Rows:
        cursor = self._connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    def may(self, statement: str, *parameters: Any) -> bool:
        """Whether PostgreSQL lets him; what he did is undone. Any other fault is the test's."""
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(statement, parameters)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def changes(self, statement: str, *parameters: Any) -> int:
        """How many rows he could change; what he did is undone."""
        try:
            with self._connection.transaction(force_rollback=True):
                return self._connection.execute(statement, parameters).rowcount
        except psycopg.errors.InsufficientPrivilege:
            return 0

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def intruder(ward: Ward) -> Iterator[Callable[[Zone], Intruder]]:
    with ExitStack() as stack:

        def enter(zone: Zone) -> Intruder:
            made = Intruder(ward.config, zone)
            stack.callback(made.close)
            return made

        yield enter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
