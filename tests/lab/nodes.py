"""The three nodes: one base system, an overlay for each, booted by systemd-nspawn.

Owns what a vendor does by hand before the first command: a minimal Debian with sshd, the operators' key, the
bundle at /srv/karamail-bundle. Refuses everything that a playbook should do. Fails with `LabRefused`.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.lab import cgroups, host, places, processes
from tests.lab.host import LabRefused
from tests.lab.places import Node

INCLUDED = (
    "apt", "systemd-sysv", "dbus", "libpam-systemd", "udev", "openssh-server", "sudo", "python3",
    "python3-apt",
    "iproute2", "iputils-ping", "procps", "ca-certificates", "cryptsetup-bin",
)  # fmt: skip
VOLUME, PASSPHRASE = "/var/lib/volume.img", "typed-into-the-installer"
"""As the lab's inventory has them."""
_CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_ADMIN,CAP_SYS_NICE,CAP_IPC_LOCK,CAP_SYSLOG"
_BOOT_S = 60.0
_DISK_GB = 5
"""Sparse: it takes what is written. Small, so that it can be filled."""


def make_base() -> None:
    """The system that all three start from, out of the bundle; the same bundle and recipe, the same base."""
    stamp = places.LAB / "base.stamp"
    wanted = (places.BUNDLE / "apt" / "Packages").read_text() + Path(__file__).read_text()
    if places.BASE.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(places.BASE, ignore_errors=True)
    places.LAB.mkdir(parents=True, exist_ok=True)
    host.run(
        "mmdebstrap", "--variant=essential", f"--include={','.join(INCLUDED)}", "--format=directory",
        "--skip=check/qemu,check/empty", "trixie", places.BASE,
        f"deb [trusted=yes] copy://{places.BUNDLE}/apt ./",
    )  # fmt: skip
    for key in (places.BASE / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (places.BASE / "etc/apt/sources.list").unlink(missing_ok=True)
    for left in (places.BASE / "etc/apt/sources.list.d").iterdir():
        left.unlink()
    # A lab is thrown away: its packages need not survive a power cut.
    (places.BASE / "etc/dpkg/dpkg.cfg.d/lab").write_text("force-unsafe-io\n")
    _operator(places.BASE)
    stamp.write_text(wanted)


def _operator(root: Path) -> None:
    """The account that Ansible and people come in by: a key, no password, sudo."""
    host.run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "vendor")
    sudoers = root / "etc/sudoers.d/vendor"
    sudoers.write_text("vendor ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    # A user manager that is told to end may hang for minutes in a container, and logins wait for it.
    (root / "var/lib/systemd/linger").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/systemd/linger/vendor").touch()


def prepare(node: Node) -> None:
    """A disk of its own, with an overlay that holds what differs between nodes."""
    node.folder.mkdir(parents=True, exist_ok=True)
    with _disk(node).open("wb") as disk:
        disk.truncate(_DISK_GB * 2**30)
    host.run("mkfs.ext4", "-q", "-m", "0", _disk(node))
    _mount(node)
    (node.root / "etc/hostname").write_text(f"{node.name}\n")
    (node.root / "etc/resolv.conf").unlink(missing_ok=True)
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", node.name,
             "-f", node.root / "etc/ssh/ssh_host_ed25519_key")  # fmt: skip
    home = node.root / "home/vendor/.ssh"
    home.mkdir(mode=0o700)
    shutil.copy(places.KEY.with_suffix(".pub"), home / "authorized_keys")
    host.run("chroot", node.root, "chown", "-R", "vendor:vendor", "/home/vendor/.ssh")
    _encrypt(node)
    public = (node.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
    others = [line for line in places.KNOWN_HOSTS.read_text().splitlines() if line.split()[0] != node.rack]
    places.KNOWN_HOSTS.write_text("\n".join([*others, f"{node.rack} {public[0]} {public[1]}"]) + "\n")


def _encrypt(node: Node) -> None:
    """A volume such as Debian's installer makes, in a file: the lab's kernel cannot map one."""
    volume = node.root / VOLUME.lstrip("/")
    with volume.open("wb") as file:
        file.truncate(32 * 2**20)
    subprocess.run(
        ["chroot", node.root, "cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2",
         "--pbkdf-memory", "65536", "--pbkdf-force-iterations", "4", "--key-file", "-", VOLUME],
        input=PASSPHRASE.encode(), check=True, capture_output=True,
    )  # fmt: skip


def make_keys() -> None:
    """The operators' key pair, and an empty list of known hosts."""
    shutil.rmtree(places.KEY.parent, ignore_errors=True)
    places.KEY.parent.mkdir(parents=True, mode=0o700)
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vendor", "-f", places.KEY)
    places.KNOWN_HOSTS.touch()


def _mount(node: Node) -> None:
    own = node.folder / "own"
    if not os.path.ismount(own):
        own.mkdir(exist_ok=True)
        host.run("mount", "-o", "loop", _disk(node), own)
    if not os.path.ismount(node.root):
        for folder in (own / "upper", own / "work", node.root):
            folder.mkdir(exist_ok=True)
        layers = f"lowerdir={places.BASE},upperdir={own}/upper,workdir={own}/work"
        host.run("mount", "-t", "overlay", "overlay", "-o", layers, node.root)


def _disk(node: Node) -> Path:
    return node.folder / "disk.img"


def power_on(node: Node) -> None:
    """Starts it; `wait` waits until it answers. What a kernel forgets without power is forgotten."""
    _mount(node)
    host.run("ip", "netns", "exec", places.namespace(node.name), "nft", "flush", "ruleset")
    processes.start(
        node.name,
        cgroups.inside(node.name, [
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe",
            f"--machine={node.name}", f"--directory={node.root}", "--resolv-conf=off", "--timezone=off",
            f"--network-namespace-path=/run/netns/{places.namespace(node.name)}",
            f"--capability={_CAPABILITIES}", f"--bind-ro={places.BUNDLE}:/srv/karamail-bundle",
            "--tmpfs=/mnt/disk:mode=0755,size=1G",  # where somebody puts a disk for backups
        ]),
        {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
    )  # fmt: skip


def power_off(node: Node) -> None:
    """The plug is pulled: no process of it gets to say anything."""
    found = processes.pid(node.name)
    for child in processes.children(found) if found else ():
        os.kill(child, signal.SIGKILL)
    processes.end(node.name, within_s=20)


def shut_down(node: Node) -> None:
    """In order, as `poweroff` does."""
    processes.end(node.name, within_s=90)


def forget(node: Node) -> None:
    """Takes its overlay away. Raises `LabRefused` where something still uses it."""
    for mounted in (node.root, node.folder / "own"):
        if os.path.ismount(mounted):
            host.run("umount", mounted)
    shutil.rmtree(node.folder, ignore_errors=True)
    cgroups.forget(node.name)


def wait(node: Node, *, within_s: float = _BOOT_S) -> None:
    """Until sshd lets the operator in and systemd has nothing left to start."""
    deadline = time.monotonic() + within_s
    told = ""
    while time.monotonic() < deadline:
        if processes.pid(node.name) is None:
            raise LabRefused(f"{node.name} ended while booting; see {places.LOGS / node.name}.log")
        asked = subprocess.run(
            host.ssh(node.name, "systemctl is-system-running --wait"),
            capture_output=True,
            text=True,
            timeout=within_s,
        )
        told = asked.stdout.strip() or asked.stderr.strip()
        if told in ("running", "degraded"):
            return
        time.sleep(0.3)
    raise LabRefused(f"{node.name} did not boot within {within_s:.0f} s: {told}")
