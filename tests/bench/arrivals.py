"""Empty mails in, each way: Karamail on SQLite and on PostgreSQL, and Postfix's smtpd, in one run.

2,000 mails from 50 connections, each mail on a connection of its own, counted when the server has said 250:
Karamail after its commit, Postfix after its queue file is on the disk. What Postfix has taken it throws away.
PostgreSQL runs with its own defaults for fsync and commit. And what 1,500 connections that say nothing cost
our daemon; Postfix would give each a process, a hundred at most by default.
"""

import asyncio
import os
import pwd
import re
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import postfix_peer
from tests.bench.inbound import Arrived, flood
from tests.support.postgres import Cluster
from tests.support.programs import why_no_postfix, why_no_postgres
from tests.support.waiting import free_port, listening, until

MAILS = 2_000
CONNECTIONS = 50
IDLE = 1_500
_PER_ADDRESS = 50  # the daemon's default cap per network


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Mails a second that were committed; None where it could not be measured. Memory in MB and KiB."""

    sqlite_per_s: float | None = None
    postgresql_per_s: float | None = None
    postfix_per_s: float | None = None
    idle_connections: int = 0
    idle_rss_mb: float | None = None
    idle_kib_each: float | None = None


def at(host: str, port: int, recipient: str, mails: int) -> Arrived:
    """A warm-up of one mail per connection, then the flood."""
    flood(host, port, recipient, mails=CONNECTIONS, connections=CONNECTIONS, first=mails)
    return flood(host, port, recipient, mails=mails, connections=CONNECTIONS)


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """The address of a fresh database on a durable server; None where there are no programs for one."""
    if why_no_postgres():
        yield None
        return
    with Cluster(durable=True) as cluster:
        yield cluster.create("bench")


@contextmanager
def postfix(folder: Path) -> Iterator[tuple[str, int, str] | None]:
    """Postfix's smtpd before its queue; what it has taken goes nowhere."""
    if why_no_postfix():
        yield None
        return
    for name, owner in (("config", "root"), ("queue", "root"), ("data", "postfix")):
        (folder / name).mkdir(parents=True)
        os.chown(folder / name, pwd.getpwnam(owner).pw_uid, -1)
    port = free_port()
    main = postfix_peer.main_cf(folder).replace("smtpd_milters", "#smtpd_milters")
    main += "default_transport = discard\nrelay_transport = discard\n"
    main = re.sub(r"^transport_maps.*\n", "", main, flags=re.MULTILINE)
    (folder / "config/main.cf").write_text(main)
    (folder / "config/master.cf").write_text(postfix_peer.master_cf(port))
    command = ["/usr/sbin/postfix", "-c", str(folder / "config")]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        until(lambda: listening(port), why="Postfix's SMTP port")
        yield "127.0.0.1", port, "touroku@bench.example"
    finally:
        subprocess.run([*command, "abort"], capture_output=True)
        until(lambda: not listening(port), why="Postfix to be gone")


def idle(port: int, pid: int, connections: int = IDLE) -> tuple[float, float]:
    """Resident MB of the daemon with so many greeted connections, and KiB for each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
    before = _resident_kib(pid)
    with_them = asyncio.run(_idle(port, pid, connections))
    return with_them / 1024, (with_them - before) / connections


async def _idle(port: int, pid: int, connections: int) -> int:
    opened = []
    for number in range(connections):
        local = (f"127.1.{number // _PER_ADDRESS}.{number % _PER_ADDRESS + 1}", 0)
        opened.append(await asyncio.open_connection("127.0.0.1", port, local_addr=local))
    for reader, _ in opened:
        greeting = await asyncio.wait_for(reader.readline(), 30)
        if not greeting.startswith(b"220 "):
            raise RuntimeError(f"not greeted: {greeting.decode('ascii', 'replace')}")
    found = _resident_kib(pid)
    for _, writer in opened:
        writer.close()
    return found


def _resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise RuntimeError("the daemon is gone")
    return int(found[1])
