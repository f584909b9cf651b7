"""A program of Debian's in seclusion: it sees private /etc, /var and /run, and we can end all of it.

Mount and process namespaces of its own (util-linux' `unshare`), so that a mail server may have its users, its
compiled-in spool and its configuration without a trace on the machine. Of the machine's /etc only the
loader's cache is copied. The network is the machine's; what listens there listens on loopback.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType

_ENTER = """
set -e
mount --make-rprivate /
private="$1"; shift
if [ -d /var/cache/karamail-tests ]; then
    mkdir -p "$private/var/cache/karamail-tests"
    mount --bind /var/cache/karamail-tests "$private/var/cache/karamail-tests"
fi
mount --bind "$private/run" /run
mount --bind "$private/etc" /etc
mount --rbind "$private/var" /var  # last: the private folder may lie in it
cd /
exec "$@"
"""
_USERS = ("root", "daemon", "mail", "nobody")


def why_not() -> str | None:
    """Why nothing can be secluded here, or None."""
    if os.geteuid() != 0:
        return "only root can give a mail server namespaces of its own"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "true"], capture_output=True
    )
    return None if tried.returncode == 0 else "namespaces cannot be made here"


class Seclusion:
    """`users` exist inside, besides a few; files are put under `folder`/etc, /var and /run before `start`."""

    def __init__(self, folder: Path, users: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.uid = {name: number for number, name in enumerate(_USERS)}
        self.uid |= {name: 900 + number for number, name in enumerate(users)}
        self.gid = self.uid | {name: 950 + number for number, name in enumerate(groups)}
        for name in ("etc/ssl", "run", "var/tmp", "var/log", "var/spool", "var/lib"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/passwd").write_text(
            "".join(f"{name}:x:{uid}:{uid}::/nonexistent:/bin/sh\n" for name, uid in self.uid.items())
        )
        (folder / "etc/group").write_text("".join(f"{name}:x:{gid}:\n" for name, gid in self.gid.items()))
        (folder / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        (folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (folder / "etc/services").write_text("smtp 25/tcp\n")
        shutil.copy("/etc/ld.so.cache", folder / "etc/ld.so.cache")
        (folder / "var/run").symlink_to("/run")
        self._process: subprocess.Popen[bytes] | None = None

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file, by its absolute path inside."""
        target = self.folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def room(self, path: str, owner: str = "root", mode: int = 0o755) -> None:
        """A folder, by its absolute path inside."""
        target = self.folder / path.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(mode)
        os.chown(target, self.uid[owner], self.gid[owner])

    def start(self, *command: str) -> None:
        with (self.folder / "output").open("ab") as out:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "sh", "-c", _ENTER, "sh", str(self.folder), *command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def run(self, *command: str) -> str:
        """A command inside what was started."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._first()), "--mount", "--pid", *command],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return done.stdout + done.stderr

    def _first(self) -> int:
        """The process that is number 1 inside, by its number outside."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    def said(self) -> str:
        """Everything that it printed or logged to files under /var/log."""
        logs = [self.folder / "output", *sorted((self.folder / "var/log").rglob("*log*"))]
        return "\n".join(path.read_text(errors="replace") for path in logs if path.is_file())

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                os.kill(self._first(), signal.SIGKILL)  # and with number 1 everybody inside
            self._process.wait(timeout=10)

    def __enter__(self) -> "Seclusion":
        return self
