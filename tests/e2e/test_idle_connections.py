"""1,500 connections that say nothing: what they cost a real daemon, and that mail still gets through."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.waiting import free_port, until

SESSIONS = 1_499
KIB_PER_SESSION = 24


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.slow
def test_many_idle_connections_cost_little_and_shut_nobody_out(tmp_path: Path, sqlite_url: str) -> None:
    port = free_port()
    house = Installation(tmp_path, sqlite_url, mail_port=port)
    try:
        worker = house.worker("1")
        until(lambda: "process.started" in house.log("1"), within_s=30, why="no daemon")
        asyncio.run(_idle_and_one_who_speaks(port, worker.pid))
    finally:
        house.close()


async def _idle_and_one_who_speaks(port: int, pid: int) -> None:
    before = resident_kib(pid)
    idle = []
    for number in range(SESSIONS):  # 50 from each of 30 networks
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(f"127.0.{number // 50}.{number % 50 + 1}", 0)
        )
        idle.append((reader, writer))
    for reader, _ in idle:
        assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"220 ")
    per_session = (resident_kib(pid) - before) / SESSIONS
    print(f"{per_session:.1f} KiB per idle session")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.99.1", 0))
    assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"220 ")
    one_too_many, _ = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.99.2", 0))
    assert (
        await asyncio.wait_for(one_too_many.readline(), 20)
        == b"421 4.3.2 Too many sessions at the moment\r\n"
    )
    for _, each in [*idle, (reader, writer)]:
        each.close()
    assert per_session < KIB_PER_SESSION
