"""A machine with a kernel of its own in the place of a node: what a container's kernel cannot show.

Owns making it out of a node's file system, encrypted as Debian's installer does it, its first start with a
passphrase at the console, and its power. QEMU emulates its processor and needs nothing of the machine around
it; but a node's whole work is too much for it, so that it begins with none: `IDLE` are there and not started.
Refuses what a role does. Fails with `LabRefused`.
"""

import shutil
import socket
import subprocess
import time
from fnmatch import fnmatch
from pathlib import Path

from tests.lab import deployment, host, nodes, places, processes, wires
from tests.lab.host import LabRefused
from tests.lab.places import Node

VOLUME = "/dev/vda"
_BOOK = places.ROOT / "tests/lab/iron.yml"
_INSTALLED = ("linux-image-amd64", "cryptsetup-initramfs", "clevis-initramfs", "e2fsprogs", "apparmor")
"""By Debian's installer, but for clevis: that takes minutes there, and seconds here. A container has none."""
IDLE = (
    "karamail-*", "patroni*", "etcd*", "prometheus*", "nginx*", "keepalived*", "pgbackrest*", "certbot*",
    "apt-daily*", "dpkg-db-backup*", "dailyaidecheck*", "unattended-upgrades*", "e2scrub*", "fstrim*",
)  # fmt: skip
"""Units that no target starts there."""
FOLDER = places.LAB / "iron"
DISK = FOLDER / "disk.img"
INVENTORY = FOLDER / "hosts.yml"
"""What the inventory says of it besides: it goes after the lab's own."""
CONSOLE = places.LOGS / "console.log"
_BOOT, _STICK, _SOCKET = FOLDER / "boot.img", FOLDER / "stick.img", FOLDER / "console"
_PROGRAMS = ("qemu-system-x86_64", "cryptsetup", "debugfs")
_PROMPT = b"Please unlock disk"
_UP_S = 900.0
_PATIENT = "x-systemd.device-timeout=600s"
"""What takes a second elsewhere may take more than systemd's 90 here."""
_DISK_MB, _HEADER_MB, _BOOT_MB = 5000, 32, 300
_WIRES = {"front": "52:54:00:10:77:01", "rack": "52:54:00:10:77:02"}


def make(node: Node) -> None:
    """Its disk and what it starts from, out of a node that is shut down; that node's own files stay."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise LabRefused(f"{', '.join(missing)}: .ci/packages.sh --lab, as root, installs them")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    root = FOLDER / "root"
    host.run("cp", "--archive", "--one-file-system", node.root, root)
    _install(root, node)
    _image(_BOOT, root / "boot", _BOOT_MB)
    shutil.rmtree(root / "boot")
    (root / "boot").mkdir()
    _image(DISK, root, _DISK_MB)
    shutil.rmtree(root)
    _encrypt()
    _image(_STICK, places.BUNDLE, 700)
    INVENTORY.write_text(
        "karamail:\n  children:\n    nodes:\n      hosts:\n"
        f"        {node.name}: {{encryption_volumes: [{VOLUME}]}}\n"
    )


def _install(root: Path, node: Node) -> None:
    """What Debian's installer leaves on a machine of iron, beyond a container."""
    network = root / "etc/systemd/network"
    for name, address in (("front", f"{node.front}/24"), ("rack", f"{node.rack}/24")):
        (network / f"10-{name}.link").write_text(
            f"[Match]\nMACAddress={_WIRES[name]}\n[Link]\nName={name}0\n"
        )
        way = f"Gateway={places.GATEWAY}\n" if name == "front" else ""
        (network / f"10-{name}.network").write_text(
            f"[Match]\nName={name}0\n[Network]\nAddress={address}\n{way}LinkLocalAddressing=no\n"
            # the virtual addresses are keepalived's
            "KeepConfiguration=static\n"
        )
    (root / "etc/fstab").write_text(
        "/dev/mapper/root / ext4 defaults,errors=remount-ro 0 1\n"
        f"/dev/vdb /boot ext4 defaults,nosuid,nodev,{_PATIENT} 0 2\n"
        f"/dev/vdc /srv/karamail-bundle ext4 ro,nosuid,nodev,nofail,{_PATIENT} 0 0\n"
    )
    (root / "etc/crypttab").write_text(f"root {VOLUME} none luks,initramfs\n")
    (root / nodes.VOLUME.lstrip("/")).unlink()
    for wanted in (root / "etc/systemd/system").glob("*.wants/*"):
        if any(fnmatch(wanted.name, each) for each in IDLE):
            wanted.unlink()
    bundle = root / "srv/karamail-bundle"
    bundle.mkdir(parents=True, exist_ok=True)
    # As the role writes it: it finds the file as it wants it, and the image for the start is made here.
    (root / "etc/initramfs-tools/conf.d").mkdir(parents=True, exist_ok=True)
    (root / "etc/initramfs-tools/conf.d/karamail").write_text(
        f"IP={node.rack}:::255.255.255.0:{node.name}:rack0:off\n"
    )
    mounted = [(places.BUNDLE, bundle), *((Path("/", name), root / name) for name in ("proc", "sys", "dev"))]
    for source, target in mounted:
        host.run("mount", "--bind", source, target)
    try:
        host.run("chroot", root, "systemctl", "enable", "systemd-networkd")
        host.run(
            "chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "install",
            "--yes", "--no-install-recommends", *_INSTALLED,
            timeout_s=400,
        )  # fmt: skip
        # What it writes itself from now on holds the modules of this machine alone: a tenth of the work.
        (root / "etc/initramfs-tools/conf.d/lab").write_text("MODULES=dep\nCOMPRESSLEVEL=1\n")
    finally:
        for _source, target in reversed(mounted):
            host.run("umount", target)


def _image(image: Path, folder: Path, megabytes: int) -> None:
    """A file system of its own with what a folder holds."""
    with image.open("wb") as file:
        file.truncate(megabytes * 2**20)
    host.run("mkfs.ext4", "-q", "-m", "0", "-d", folder, image)


def _encrypt() -> None:
    with DISK.open("ab") as file:
        file.truncate((_DISK_MB + _HEADER_MB) * 2**20)
    subprocess.run(
        ["cryptsetup", "reencrypt", "--encrypt", "--type", "luks2", "--batch-mode", "--resilience", "none",
         "--pbkdf-memory", "65536", "--pbkdf-force-iterations", "4",
         "--reduce-device-size", f"{_HEADER_MB}M", "--key-file", "-", str(DISK)],
        input=nodes.PASSPHRASE.encode(), check=True, capture_output=True,
    )  # fmt: skip


def power_on(node: Node) -> None:
    """Starts it in that node's place, which has to be off and its wires cut; its console goes to CONSOLE."""
    for stale in (_SOCKET, CONSOLE):
        stale.unlink(missing_ok=True)
    kernel, initial = (_out_of_boot(kind) for kind in ("vmlinuz", "initrd.img"))
    cards = [
        word
        for name, mac in _WIRES.items()
        for word in (
            "-netdev", f"tap,id={name},ifname={_port(name)},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev={name},mac={mac},romfile=",
        )
    ]  # fmt: skip
    disks = [
        word
        for image, more in ((DISK, ""), (_BOOT, ""), (_STICK, ",readonly=on"))
        for word in ("-drive", f"file={image},format=raw,if=virtio,cache=unsafe{more}")
    ]
    processes.start(node.name, host.inside(
        "wire", "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
        "-smp", "1",  # two emulated ones stumble over code that the kernel patches: it ended there once
        "-m", "3072", "-nodefaults", "-display", "none", "-monitor", "none",
        "-kernel", kernel, "-initrd", initial,
        "-append", "root=/dev/mapper/root ro console=ttyS0",
        "-chardev", f"socket,id=console,path={_SOCKET},server=on,wait=off,logfile={CONSOLE}",
        "-serial", "chardev:console", "-device", "virtio-rng-pci", *disks, *cards,
    ))  # fmt: skip
    for name in _WIRES:
        _plug(name)


def _out_of_boot(kind: str) -> Path:
    """Plays the boot loader: the newest kernel and its first file system, out of /boot."""
    listed = host.run("debugfs", "-R", "ls -p /", _BOOT).splitlines()
    names = sorted(line.split("/")[5] for line in listed if f"/{kind}-" in line)
    target = FOLDER / kind
    host.run("debugfs", "-R", f"dump /{names[-1]} {target}", _BOOT)
    return target


def _port(name: str) -> str:
    return f"iron-{name}"


def _plug(name: str) -> None:
    deadline = time.monotonic() + 20
    while not _in_bridge(name):
        if time.monotonic() > deadline:
            raise LabRefused(f"the machine of iron has no card {name}; see {places.LOGS}")
        time.sleep(0.1)


def _in_bridge(name: str) -> bool:
    wire = places.namespace("wire")
    words = ["ip", "-n", wire, "link", "set", _port(name), "master", name, "up"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def cut(name: str) -> None:
    """One of its wires hangs loose: `front` or `rack`."""
    host.run("ip", "-n", places.namespace("wire"), "link", "set", _port(name), "nomaster", "down")


def mend(name: str) -> None:
    """The opposite of `cut`."""
    _plug(name)


def asks(within_s: float = _UP_S) -> bool:
    """Whether it stands at its console and asks for the passphrase, within that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if CONSOLE.exists() and _PROMPT in CONSOLE.read_bytes():
            return True
        time.sleep(0.5)
    return False


def type_passphrase() -> None:
    """Somebody stands before it, and types no faster than its port takes letters."""
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(_SOCKET))
        for letter in f"{nodes.PASSPHRASE}\n":
            console.sendall(letter.encode())
            time.sleep(0.05)


def wait(node: Node, *, within_s: float = _UP_S) -> None:
    """Until it lets the operator in and has nothing left to start."""
    nodes.wait(node, within_s=within_s)


def power_off(node: Node) -> None:
    """The plug is pulled."""
    processes.end(node.name, within_s=20)


def take_place(node: Node) -> None:
    """The node is shut down, and this machine starts in its place, up to the question at its console."""
    nodes.shut_down(node)
    make(node)
    wires.cut(node)
    power_on(node)


def give_place_back(node: Node) -> None:
    """The container is back as it was; whatever it has missed it catches up with."""
    power_off(node)
    wires.mend(node)
    nodes.power_on(node)
    nodes.wait(node)
    shutil.rmtree(FOLDER, ignore_errors=True)


def play() -> None:
    """What of the playbook depends on whose kernel it is; it waits longer for answers than for a node's."""
    for beside in ("group_vars", "templates"):  # where Ansible looks for them
        (FOLDER / beside).unlink(missing_ok=True)
        (FOLDER / beside).symlink_to(deployment.ANSIBLE / beside)
    book = Path(shutil.copy(_BOOK, FOLDER))
    deployment.play(["-i", str(INVENTORY), "--timeout", "120"], book=str(book))
