"""Waiting on a condition with a deadline, and ports nobody uses. There is no sleep-and-hope here."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable


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
    """Different ports on which nobody listened a moment ago; all are held until all are found."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((host, 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def free_port(host: str = "127.0.0.1") -> int:
    return free_ports(1, host)[0]
