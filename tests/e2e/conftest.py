"""What the end-to-end tests share: where a house may stand."""

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.support.postgres import Cluster

_numbers = itertools.count(1)


@pytest.fixture
def durable_postgres_url(durable_postgres: Cluster) -> Iterator[str]:
    """An empty database on a PostgreSQL that keeps what it has committed. Mark the test `postgres`."""
    name = f"e2e_{os.getpid()}_{next(_numbers)}"
    yield durable_postgres.create(name)
    durable_postgres.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def durable_url(request: pytest.FixtureRequest) -> str:
    """An empty database that keeps what it has committed; the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path')}/karamail.db"
    found: str = request.getfixturevalue("durable_postgres_url")
    return found
