"""The lab's network: namespaces, two bridges, addresses.

Owns making and removing them, and cutting a node's wire. Refuses the machine's own interfaces: every end is
made inside a namespace, so nothing of it appears outside. Fails with `LabRefused`.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import host, places
from tests.lab.places import Node

_CLONE_NEWNET = 0x40000000


def _ip(name: str, *arguments: str) -> None:
    host.run("ip", "-n", places.namespace(name), *arguments)


def lay() -> None:
    """Makes everything; nodes find their addresses when they boot."""
    for name in ("wire", "internet", *places.BY_NAME):
        host.run("ip", "netns", "add", places.namespace(name))
        _ip(name, "link", "set", "lo", "up")
    for bridge in ("front", "rack"):
        _ip("wire", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
        _ip("wire", "link", "set", bridge, "up")
    _ip("wire", "address", "add", f"{places.CONTROL}/24", "dev", "rack")
    _cable("internet", "front0", "internet", "front", f"{places.GATEWAY}/24")
    for address in places.ON_THE_INTERNET:
        _ip("internet", "address", "add", f"{address}/32", "dev", "lo")
    for node in places.NODES:
        _cable(node.name, "front0", f"{node.name}-front", "front", f"{node.front}/24")
        _cable(node.name, "rack0", f"{node.name}-rack", "rack", f"{node.rack}/24")
        _ip(node.name, "route", "add", "default", "via", places.GATEWAY)


def _cable(name: str, interface: str, port: str, bridge: str, address: str) -> None:
    wire = places.namespace("wire")
    _ip(name, "link", "add", interface, "type", "veth", "peer", "name", port, "netns", wire)
    _ip("wire", "link", "set", port, "master", bridge, "up")
    _ip(name, "address", "add", address, "dev", interface)
    _ip(name, "link", "set", interface, "up")


def cut(node: Node) -> None:
    """Both of a node's wires hang loose."""
    for bridge in ("front", "rack"):
        _ip("wire", "link", "set", f"{node.name}-{bridge}", "down")


def mend(node: Node) -> None:
    """The opposite of `cut`."""
    for bridge in ("front", "rack"):
        _ip("wire", "link", "set", f"{node.name}-{bridge}", "up")


def laid() -> bool:
    """Whether there is a network already, whole or in part."""
    return any(_exists(name) for name in ("wire", "internet", *places.BY_NAME))


def remove() -> None:
    """Takes away every namespace; with them go their interfaces."""
    for name in ("wire", "internet", *places.BY_NAME):
        if _exists(name):
            host.run("ip", "netns", "delete", places.namespace(name))


def _exists(name: str) -> bool:
    return Path("/run/netns", places.namespace(name)).exists()


@contextmanager
def standing_in(name: str) -> Iterator[None]:
    """Sockets that this thread opens inside the block are those of `wire`, `internet` or a node."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{places.namespace(name)}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(there)
        yield
    finally:
        _enter(here)
        os.close(here)
        os.close(there)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
