"""The stage for dialogs: the real listener, a ledger instead of the database."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from appliance.config import Zone
from appliance.keys import Keyring
from tests.dialogs.inbound.play import Stage
from tests.support.settings import settings


class _NoStore:
    """These dialogs open and seal nothing."""

    def public(self, school_id: int, purpose: object) -> bytes:
        raise AssertionError("no keys here")

    def wrapped(self, school_id: int, purpose: object, zone: object) -> bytes:
        raise AssertionError("no keys here")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A chain and its key for mx.midori.example."""
    folder = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("mx.midori.example")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "chain.pem", append=True)
    return folder / "chain.pem", folder / "key.pem"


@pytest.fixture
def stage(tmp_path: Path, secrets: Path) -> Stage:
    """A listener that is not opened yet, without TLS."""
    config = settings(tmp_path, f"sqlite:///{tmp_path}/unused.db", secrets=secrets)
    return Stage(config, Keyring.load(Zone.MAIL, config.secrets_dir, _NoStore()))


@pytest.fixture
def tls_stage(stage: Stage, certificate: tuple[Path, Path]) -> Stage:
    """The same with a certificate."""
    mail = stage.config.mail.model_copy(update={"tls_cert": certificate[0], "tls_key": certificate[1]})
    stage.config = stage.config.model_copy(update={"mail": mail})
    return stage


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a dialog on each of the event loops that the daemon may have."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(dialog: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(dialog)

    return runner
