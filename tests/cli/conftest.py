"""An installer at the command line, a node's files, and a DNS that the test writes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.config import Config
from cli.main import main
from tests.e2e.house import Names
from tests.support.settings import settings
from tests.support.waiting import free_ports

Karamail = Callable[..., Result]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The commands need one engine; what they ask of it runs on both in tests/flows."""
    return sqlite_url


@pytest.fixture
def ports() -> dict[str, int]:
    names = ("mail_port", "dns_port", "guardian_port", "sender_port", "admin_port")
    return dict(zip(names, free_ports(len(names)), strict=True))


@pytest.fixture
def config(database_url: str, tmp_path: Path, secrets: Path, ports: dict[str, int]) -> Config:
    """The settings of a small ward, every port its own; `tmp_path/karamail.toml` is the file."""
    return settings(tmp_path, database_url, secrets=secrets, **ports)


@pytest.fixture
def names(ports: dict[str, int]) -> Iterator[Names]:
    """The nameserver that the configuration names; `names.zone(text)` publishes."""
    server = Names(ports["dns_port"])
    yield server
    server.close()


@pytest.fixture
def karamail(config: Config, tmp_path: Path) -> Karamail:
    """Runs `karamail …` with the configuration; `result.output` is what the installer reads."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(tmp_path / "karamail.toml"), *words])

    return run
