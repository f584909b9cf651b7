"""What can happen to a rack, and how it ends: each a `Strike` with `begin` and `end`.

Owns doing it to the lab's nodes as faithfully as namespaces allow: a node that loses power says nothing more
to anybody, so its wires are cut before its processes are killed. Refuses to judge what comes of it. Fails
with `LabRefused`.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab import host, nodes, places, processes, wires
from tests.lab.host import LabRefused
from tests.lab.places import Node

_PATRONI = "sudo -u postgres patronictl -c /etc/patroni/config.yml list --format json"


@dataclass(frozen=True, slots=True)
class Strike:
    """`begin` is given the node that leads the database; `end` the same one, after the blast."""

    name: str
    begin: Callable[[Node], None]
    end: Callable[[Node], None]


def members() -> list[dict[str, str]]:
    """Patroni's list, from whichever node tells it."""
    for node in places.NODES:
        if processes.pid(node.name) is None:
            continue
        try:
            return list(json.loads(host.on(node.name, _PATRONI, timeout_s=20)))
        except (LabRefused, subprocess.TimeoutExpired, ValueError):
            continue  # it is cut off, or has no quorum: another one knows
    raise LabRefused("no node tells who leads the database")


def leader() -> Node:
    """Who leads the database."""
    for member in members():
        if member["Role"] == "Leader":
            return places.BY_NAME[member["Member"]]
    raise LabRefused("nobody leads the database")


def whole() -> bool:
    """All three members there, one of them leading, one synchronous, nobody behind."""
    try:
        found = members()
    except LabRefused:
        return False
    states = {member["State"] for member in found}
    return sorted(member["Role"] for member in found) == ["Leader", "Replica", "Sync Standby"] and states <= {
        "running",
        "streaming",
    }


def _kill_database(node: Node) -> None:
    host.on(node.name, "kill -9 $(head -1 /var/lib/postgresql/karamail/data/postmaster.pid)")


def _power_off(node: Node) -> None:
    wires.cut(node)
    nodes.power_off(node)


def _power_on(node: Node) -> None:
    wires.mend(node)
    nodes.power_on(node)
    nodes.wait(node)


def _fill(node: Node) -> None:
    """To the last block; root, too, has nothing in reserve."""
    most = "fallocate -l $(df --output=avail -B1 /var | tail -1) /var/filled"
    host.on(node.name, f"{most}; dd if=/dev/zero of=/var/filled.too bs=4k 2>/dev/null; true", timeout_s=120)


def _free(node: Node) -> None:
    host.on(node.name, "rm -f /var/filled /var/filled.too")


def _stop_etcd(node: Node) -> None:
    host.on(node.name, "systemctl stop etcd")


def _start_etcd(node: Node) -> None:
    host.on(node.name, "systemctl start etcd", timeout_s=120)


def _others(node: Node) -> list[Node]:
    return [other for other in places.NODES if other != node]


def _two_gone(node: Node) -> None:
    for other in _others(node):
        _power_off(other)


def _two_back(node: Node) -> None:
    for other in _others(node):
        wires.mend(other)
        nodes.power_on(other)
    for other in _others(node):
        nodes.wait(other)


def _nothing(_node: Node) -> None:
    """It comes back by itself."""


ONE_LOST = (
    Strike("kill -9 the database's leader", _kill_database, _nothing),
    Strike("the leader's node loses power", _power_off, _power_on),
    Strike("the leader's node loses its network", wires.cut, wires.mend),
    Strike("the leader's disk is full", _fill, _free),
    Strike("etcd stops on the leader's node", _stop_etcd, _start_etcd),
)
TWO_LOST = Strike("two nodes lose power, the leader stays", _two_gone, _two_back)
