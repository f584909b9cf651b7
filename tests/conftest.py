"""What tests may ask for by name, and which tiers run on this machine.

Databases: `database` runs a test on SQLite and on PostgreSQL, connected and migrated; `sqlite_url` and
`postgres_url` are one engine each, migrated, for tests that start processes of their own. Tiers: a test
marked `postgres`, `postfix`, `chromium` or `wapiti` is skipped, with the reason, only where the program is
not there, and one marked `long` unless LONG=1; the summary lists what was not tested and why.
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from appliance import clock, db, keys
from appliance.config import Config
from appliance.keys import record
from tests.support.postgres import Cluster
from tests.support.programs import TIERS
from tests.support.settings import settings, write_settings
from tests.support.zone_roles import switching
from tests.web.staff.ward import furnish

ROOT = Path(__file__).resolve().parents[1]
_numbers = itertools.count(1)


# --- tiers


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("long") and not os.environ.get("LONG", "").strip("0"):
        pytest.skip("long: make test LONG=1, or make scan")
    for tier, why_not in TIERS.items():
        if item.get_closest_marker(tier) and (reason := why_not()):
            pytest.skip(f"{tier}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends with the tiers that did not run: nobody should take their silence for a pass."""
    skipped: dict[str, int] = defaultdict(int)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped[reason.removeprefix("Skipped: ")] += 1
    if skipped:
        terminalreporter.section("not tested here")
        for reason, count in sorted(skipped.items()):
            terminalreporter.line(f"{count:4} x {reason}")


# --- databases


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A private PostgreSQL, fast and careless: what it loses at a power cut is no test's concern."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[Cluster]:
    """The same with fsync and synchronous commits, for tests of what survives."""
    with Cluster(durable=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    _migrate(folder, f"sqlite:///{folder}/karamail.db", "migrate")
    return folder


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> str:
    folder = tmp_path_factory.mktemp("migrated")
    (folder / "secrets").symlink_to(secrets)
    # Making roles is recorded: in a database of its own, not at the top of each test's record.
    _migrate(folder, postgres.create("roles"), "migrate", "grant")
    _migrate(folder, postgres.create("migrated"), "migrate")
    return "migrated"


def _migrate(folder: Path, url: str, *steps: str) -> None:
    """In a process of its own, so that nothing stays connected to what becomes a template."""
    path = write_settings(folder, url)
    for step in steps:
        command = [Path(sys.executable).with_name("karamail"), "--config", path, "db", step]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"db {step} failed on {url}:\n{done.stderr}", pytrace=False)


@pytest.fixture
def sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """A fresh migrated SQLite database."""
    return _copied(_migrated_sqlite, tmp_path)


def _copied(source: Path, target: Path) -> str:
    for name in ("karamail.db", "karamail.db-wal"):
        if (source / name).exists():
            shutil.copy(source / name, target / name)
    return f"sqlite:///{target}/karamail.db"


@pytest.fixture
def postgres_url(postgres: Cluster, _migrated_postgres: str) -> Iterator[str]:
    """A fresh migrated PostgreSQL database. Mark the test `postgres`."""
    yield from _database(postgres, _migrated_postgres)


def _database(postgres: Cluster, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield postgres.create(name, template=template)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database; the test runs once on each engine."""
    found: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return found


@pytest.fixture
def url_with_roles(request: pytest.FixtureRequest) -> str:
    """PostgreSQL, where each zone has only the rights of its own role; SQLite where there is no PostgreSQL.

    For tests of sites, which need one engine: the flows behind them run on both.
    """
    found: str = request.getfixturevalue("postgres_url" if TIERS["postgres"]() is None else "sqlite_url")
    return found


@pytest.fixture(scope="session")
def _furnished_sqlite(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, secrets: Path
) -> Path:
    """The ward of tests/web/staff, written once by each process."""
    folder = tmp_path_factory.mktemp("furnished")
    _furnish(folder, _copied(_migrated_sqlite, folder), secrets)
    return folder


@pytest.fixture(scope="session")
def _furnished_postgres(
    postgres: Cluster, _migrated_postgres: str, tmp_path_factory: pytest.TempPathFactory, secrets: Path
) -> str:
    folder = tmp_path_factory.mktemp("furnished")
    _furnish(folder, postgres.create("furnished", template=_migrated_postgres), secrets)
    return "furnished"


def _furnish(folder: Path, url: str, secrets: Path) -> None:
    config = settings(folder, url, secrets=secrets)
    db.connect(config)
    furnish(config)
    db.vanish()


@pytest.fixture
def furnished_sqlite_url(_furnished_sqlite: Path, tmp_path: Path) -> str:
    """As `sqlite_url`, with the ward of tests/web/staff in it (`standing`)."""
    return _copied(_furnished_sqlite, tmp_path)


@pytest.fixture
def furnished_postgres_url(postgres: Cluster, _furnished_postgres: str) -> Iterator[str]:
    """As `postgres_url`, with the ward of tests/web/staff in it (`standing`)."""
    yield from _database(postgres, _furnished_postgres)


@pytest.fixture
def furnished_url(request: pytest.FixtureRequest) -> str:
    """As `url_with_roles`, with the ward of tests/web/staff in it (`standing`)."""
    engine = "postgres" if TIERS["postgres"]() is None else "sqlite"
    found: str = request.getfixturevalue(f"furnished_{engine}_url")
    return found


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """What a process follows (a relay goes by the database's clock) ends with the test."""
    yield
    clock.follow(timedelta(0))


@pytest.fixture(scope="session", autouse=True)
def _templates(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sites are made anew for each test; their templates are compiled once."""
    Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(tmp_path_factory.mktemp("jinja")))}


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One set of secrets for every zone, made once; do not write into it."""
    folder = tmp_path_factory.mktemp("secrets")
    keys.create_secrets(folder)
    record.create(folder)
    return folder


@pytest.fixture
def config(database_url: str, tmp_path: Path, secrets: Path) -> Config:
    """The settings of a small ward on `database_url`, with secrets; `tmp_path/karamail.toml` is the file."""
    return settings(tmp_path, database_url, secrets=secrets)


@pytest.fixture
def database(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """The models bound to a fresh migrated database, on SQLite and on PostgreSQL; yields the settings.

    On PostgreSQL every statement runs under the role of the zone whose code sent it.
    """
    if config.database.url.startswith("postgresql:"):
        monkeypatch.setattr(db, "_engine", switching(config))
    db.connect(config)
    yield config
    db.vanish()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: no process is left with one of them when the others have ended."""
    items.sort(key=lambda item: not {"browser", "web", "e2e"} & set(item.path.parts))
