"""A PostgreSQL cluster of the tests' own, from Debian's programs, gone when the tests are.

Never touches a cluster of the machine: own data folder under /tmp, or in memory if what it holds need not
last, own port on 127.0.0.1, own socket folder. A copy of a template is a copy of its files, and costs with
them in memory 25 ms of processor time instead of 40. The server cannot run as root, so as root it runs as
`postgres` (or `nobody`). It dies with the process that started it, even when that one is killed.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import psycopg

from tests.support.programs import postgres_programs
from tests.support.waiting import free_port

SUPERUSER = "karamail"
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_ALWAYS = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
    "autovacuum": "on",
    "log_min_messages": "warning",
}
_PR_SET_PDEATHSIG = 1
_PREFIX = "karamail-pg-"
_ROOM_OCTETS = 2 << 30


class Cluster:
    """A running server: `with Cluster() as cluster: cluster.create("name")`."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable` keeps PostgreSQL's own defaults for fsync and commit, as on a node."""
        programs = postgres_programs()
        if programs is None:
            raise RuntimeError("no PostgreSQL programs; mark the test `postgres`")
        self._programs = programs
        self._durable = durable
        self._user = _unprivileged()
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.folder = Path()

    def __enter__(self) -> "Cluster":
        home = Path("/tmp") if self._durable else _memory()
        _sweep(home)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=home))
        if self._user:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        data = self.folder / "data"
        self._run(
            "initdb", "--pgdata", str(data), "--username", SUPERUSER, "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C", "--no-sync",
        )  # fmt: skip
        # As on a node: the zones' roles need their passwords.
        (data / "pg_hba.conf").write_text(
            f"host all {SUPERUSER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        for _ in range(5):
            if self._started(data):
                return self
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)  # immediate: nothing here is worth a checkpoint
            try:
                self._server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Gone from one moment to the next; `start` brings it back with what it had committed."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(timeout=20)

    def start(self) -> None:
        """After `stop`."""
        if not self._started(self.folder / "data", self.port):
            raise RuntimeError(f"PostgreSQL did not come back:\n{self._log()}")

    def create(self, name: str, *, template: str = "template0") -> str:
        """A new database, as a URL for `database.url`; an empty one, or a copy of `template`."""
        with self._maintenance() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
            connection.execute(
                f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC'
            )  # no template hands that on
        return self.url(name)

    def drop(self, name: str) -> None:
        """Gone, whoever is still connected."""
        with self._maintenance() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{name}"

    def _maintenance(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, text=True, cwd="/", **self._as_user()
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _started(self, data: Path, port: int = 0) -> bool:
        """Starts the server on a port that is free now; False when somebody else took the port first."""
        self.port = port or free_port()
        (data / "postmaster.pid").unlink(missing_ok=True)
        settings = _ALWAYS | ({} if self._durable else _FAST)
        settings |= {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        command = [str(self._programs / "postgres"), "-D", str(data)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # no threads yet, and it only calls prctl
                **self._as_user(),
            )  # fmt: skip
        pid_file = data / "postmaster.pid"
        while self._server.poll() is None:
            # Its eighth line becomes "ready" when connections are taken.
            if pid_file.exists() and re.search(r"^ready\s*$", pid_file.read_text(), re.MULTILINE):
                return True
            try:
                self._server.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
        return False

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""


def _memory() -> Path:
    """Where files are kept in memory, if there is room for some hundred databases at once."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_OCTETS
    return memory if roomy else Path("/tmp")


def _sweep(home: Path) -> None:
    """What a process that was killed left there."""
    for folder in home.glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX).partition("-")[0]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root; None means ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """In the child: SIGQUIT when the test process is gone, however it went (Linux)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
