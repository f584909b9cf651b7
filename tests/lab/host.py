"""What this machine must have to hold a lab, and running programs on it.

Owns the list of what is missing, and `run`. Refuses to install anything. Fails with `LabRefused`, a sentence
that says what to do.
"""

import base64
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab import places

PROGRAMS = (
    "mmdebstrap",
    "systemd-nspawn",
    "apt-ftparchive",
    "mkfs.ext4",
    "ip",
    "nsenter",
    "ssh-keygen",
    "ssh",
    "nmap",
    "pebble",
    "nft",
    "openssl",
)


class LabRefused(Exception):
    """The lab cannot be made or used; the message says what is missing and what to do."""


def check() -> None:
    """Raises `LabRefused` with everything that is missing, at once."""
    missing = []
    if os.geteuid() != 0:
        missing.append("root: namespaces and overlays are made by root alone. Run it with sudo")
    programs = [program for program in PROGRAMS if shutil.which(program) is None]
    if programs:
        missing.append(f"{', '.join(programs)}: .ci/packages.sh --lab, as root, installs them")
    if not Path("/proc/self/ns/net").exists() or "overlay" not in Path("/proc/filesystems").read_text():
        missing.append("a kernel with network namespaces and overlayfs")
    if missing:
        raise LabRefused("this machine cannot hold the lab. Missing:\n  " + "\n  ".join(missing))


def run(*command: str | Path, timeout_s: float = 300, **more: object) -> str:
    """Runs a program and returns what it said. Raises `LabRefused` with its words when it failed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, **more
    )  # type: ignore[call-overload]
    if done.returncode:
        told = (done.stdout + done.stderr)[-4000:]
        raise LabRefused(f"`{' '.join(str(word) for word in command)}` failed:\n{told}")
    return str(done.stdout)


def inside(name: str, *command: str | Path) -> list[str]:
    """The command, to be run in the network namespace of `wire`, `internet` or a node."""
    return ["nsenter", f"--net=/run/netns/{places.namespace(name)}", *(str(word) for word in command)]


def ssh(node: str, *command: str) -> list[str]:
    """The command that runs `command` on a node, as the operator; none opens a shell."""
    options = [
        "-i", str(places.KEY), "-o", f"UserKnownHostsFile={places.KNOWN_HOSTS}", "-o", "BatchMode=yes",
        "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR",
    ]  # fmt: skip
    return inside("wire", "ssh", *options, f"vendor@{places.BY_NAME[node].rack}", *command)


def on(node: str, command: str, *, timeout_s: float = 60) -> str:
    """Runs a shell command on a node as root, over ssh, and returns what it said."""
    words: Sequence[str] = ssh(node, f"sudo sh -c {_quoted(command)}")
    return run(*words, timeout_s=timeout_s)


def put(node: str, path: str, text: str) -> None:
    """Writes a file on a node, as root, readable by everybody."""
    whole = base64.b64encode(text.encode()).decode()
    on(node, f"mkdir -p $(dirname {path}); echo {whole} | base64 --decode > {path}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
