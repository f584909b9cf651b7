"""Every script in `scripts/` is played against the real courier, on both event loops."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
import uvloop

from tests.dialogs.outbound.play import play

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.fixture(scope="session")
def server_tls() -> ssl.SSLContext:
    """A receiver's certificate from nobody we know: opportunistic TLS does not ask."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("some.other.name.example").configure_cert(context)
    return context


@pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_dialog(script: Path, loop_factory: type, server_tls: ssl.SSLContext) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(play(script, server_tls))
