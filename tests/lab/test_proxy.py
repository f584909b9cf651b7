"""What the proxy itself refuses, spoken to by hand from the internet."""

import re
import subprocess

import pytest

from tests.lab import host, places
from tests.support.ambiguous import AMBIGUOUS, REFUSALS, TOO_MUCH

_SITE = places.SITES["guardian"]
_SECOND = b"GET /second HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"


def answers(request: bytes) -> list[int]:
    """The status of each answer on one connection, until it is closed or nothing comes for a while."""
    words = host.inside(
        "internet", "timeout", "8", "openssl", "s_client", "-quiet", "-ign_eof", "-connect",
        f"{places.VIRTUAL}:443", "-servername", _SITE,
    )  # fmt: skip
    told = subprocess.run(words, input=request.replace(b"HOST", _SITE.encode()), capture_output=True).stdout
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", told)]


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_what_is_ambiguous_is_refused_and_nothing_after_it_is_answered(what: str) -> None:
    """Whoever could hide a second request in a first would have it answered as somebody else's."""
    found = answers(AMBIGUOUS[what] + _SECOND) or [0]
    assert len(found) == 1
    assert found[0] in REFUSALS


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_is_too_long_is_refused(what: str) -> None:
    assert answers(TOO_MUCH[what])[0] in REFUSALS


def test_what_is_clear_is_answered_twice() -> None:
    """The attack above would show."""
    assert answers(_SECOND.replace(b"Connection: close\r\n", b"") + _SECOND) == [404, 404]
