"""Tests of the way to receivers are coroutines, run on the loop that production runs on."""

import asyncio
import inspect
from pathlib import Path

import pytest
import trustme
import uvloop

from appliance import keystore
from appliance.config import Config, Zone
from tests.transport.town import Town


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(pyfuncitem.obj(**given))
    return True


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The authority that everybody trusts here."""
    return trustme.CA()


@pytest.fixture
def town(database: Config, ca: trustme.CA, tmp_path: Path) -> Town:
    """A name server, mail hosts and a policy host; `async with town:` opens it."""
    keystore.publish_zone_keys(database.secrets_dir)
    ca_file = tmp_path / "authorities.pem"
    ca.cert_pem.write_to_path(ca_file)
    return Town(database, keystore.open_keyring(database, Zone.MAIL), ca, ca_file)
