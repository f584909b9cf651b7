"""An installer at the command line, a node's files, and a DNS that the test writes."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from appliance import keystore
from appliance.config import Config
from cli.main import main
from tests.e2e.house import Names
from tests.support.settings import settings
from tests.support.waiting import free_ports

Karamail = Callable[..., Result]
PTR = "5.113.0.203.in-addr.arpa. IN PTR mx.midori.example.\n"
"""What the provider sets for the address of `node`."""


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
    """Runs `karamail …` with the configuration; `result.output` is what one reads, `typed` is typed."""

    def run(*words: str, typed: str = "") -> Result:
        words = ("--config", str(tmp_path / "karamail.toml"), *words)
        return CliRunner().invoke(main, words, input=typed)

    return run


@pytest.fixture
def node(database: Config, tmp_path: Path) -> Path:
    """A node whose files are as they should be, with one public address; its configuration file."""
    keystore.publish_zone_keys(database.secrets_dir)
    give_certificate(tmp_path)
    path = tmp_path / "karamail.toml"
    text = path.read_text().replace("[relay]\n", 'tls_cert = "tls.pem"\ntls_key = "tls.key"\n\n[relay]\n')
    path.write_text(text + '\n[dns.hosts]\n"mx.midori.example" = ["203.0.113.5"]\n')
    return path


def give_certificate(folder: Path, name: str = "mx.midori.example", days: int = 80) -> None:
    issued = trustme.CA().issue_cert(name, not_after=datetime.now(UTC) + timedelta(days=days))
    issued.private_key_pem.write_to_path(folder / "tls.key")
    issued.cert_chain_pems[0].write_to_path(folder / "tls.pem")


def findings(karamail: Karamail, area: str) -> list[dict[str, str]]:
    result = karamail("doctor", "--json", "--only", area)
    report = json.loads(result.output)
    assert result.exit_code == ["ok", "warning", "broken"].index(report["status"])
    rows: list[dict[str, str]] = report["findings"]
    for row in rows:
        assert row["status"] == "ok" or (row["means"] and row["todo"]), row
    return rows


def faults(karamail: Karamail, area: str) -> list[tuple[str, str]]:
    return [(row["status"], row["what"]) for row in findings(karamail, area) if row["status"] != "ok"]
