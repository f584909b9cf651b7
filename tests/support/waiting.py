"""Waiting on a condition with a deadline, and ports nobody uses. There is no sleep-and-hope here."""

import asyncio
import itertools
import os
import socket
import time
from collections.abc import Awaitable, Callable

_PORTS_EACH = 2500
_FIRST_PORT = 12_000 + _PORTS_EACH * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_SLICE = range(_FIRST_PORT, _FIRST_PORT + _PORTS_EACH)
_numbers = itertools.count(os.getpid())  # two runs one after the other do not begin at the same port


def until(condition: Callable[[], object], *, within_s: float = 10.0, why: str = "") -> object:
    """The first truthy value of `condition()`; TimeoutError naming `why` when none comes in time."""
    deadline = time.monotonic() + within_s
    pause_s = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {why or condition}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


async def eventually(condition: Callable[[], object], *, within_s: float = 10.0, why: str = "") -> object:
    """The same on an event loop; `condition` may be a coroutine function."""
    deadline = time.monotonic() + within_s
    pause_s = 0.002
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {why or condition}")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different ports on which nobody listens.

    Below the range from which the kernel takes the client's end of a connection, and from a slice that only
    this test process uses: what was free a moment ago is not taken before the test has started its server.
    """
    found: list[int] = []
    while len(found) < count:
        port = _SLICE[next(_numbers) % len(_SLICE)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        found.append(port)
    return found


def free_port(host: str = "127.0.0.1") -> int:
    return free_ports(1, host)[0]
