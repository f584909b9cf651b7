"""A ward of two schools on both databases, and a clock that the test moves."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import time_machine
import trustme

from appliance.config import Config
from tests.flows.answering import Scene, player
from tests.flows.ward import Ward, found

JAPAN = timezone(timedelta(hours=9))
MORNING = datetime(2026, 4, 8, 6, 0, tzinfo=JAPAN).astimezone(UTC)


@pytest.fixture
def morning() -> Iterator[time_machine.Traveller]:
    """Six o'clock in Japan, standing still until the test calls `shift`."""
    with time_machine.travel(MORNING, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ward(database: Config) -> Ward:
    """みどり小学校 with three classes and わかば幼稚園 with one; nobody registered yet."""
    return found(database)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A chain and its key for mx.midori.example."""
    folder = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("mx.midori.example")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return folder / "chain.pem", folder / "key.pem"


@pytest.fixture
def answering(ward: Ward, certificate: tuple[Path, Path]) -> Callable[[Scene], None]:
    """Runs a scene in a mail house with TLS, to which guardians answer."""
    return player(ward, certificate)
