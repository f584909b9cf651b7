"""A control group for each node, so that its systemd finds a tree that no other systemd works on.

Started from one shell, nodes would share their caller's group: one node's `systemctl stop` would remove the
directory into which another node is about to put a process. Owns these groups under the caller's own. Refuses
limits: the machine is shared fairly as it is. Fails with `LabRefused` where no cgroup2 is mounted, and as the
kernel does.
"""

import os
from pathlib import Path

from tests.lab import places
from tests.lab.host import LabRefused

_ENTER = 'echo $$ > "$1"; shift; exec "$@"'


def inside(name: str, command: list[str]) -> list[str]:
    """The command, run in the group of that node, which is made."""
    group = _group(name)
    group.mkdir(exist_ok=True)
    return ["sh", "-c", _ENTER, "sh", str(group / "cgroup.procs"), *command]


def forget(name: str) -> None:
    """Removes the group of a node that does not run."""
    for folder, _, _ in os.walk(_group(name), topdown=False):
        Path(folder).rmdir()


def _group(name: str) -> Path:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    at = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if at is None:
        raise LabRefused("this machine has no cgroup2 mounted")
    own = Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    return at / own / places.namespace(name)
