"""The lab's way of running the project's own playbook, and of publishing names.

Owns the few facts that only the lab knows: where its keys are, that its world begins at another root. Refuses
to do what a role does. Fails with `LabRefused`.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab import host, internet, places
from tests.lab.host import LabRefused
from tests.lab.places import Node

PLAYBOOK = places.ROOT / ".venv-ansible" / "bin" / "ansible-playbook"
ANSIBLE = places.ROOT / "ansible"
INVENTORY = ANSIBLE / "inventories" / "lab" / "hosts.yml"


def smaller(nodes: Sequence[Node], witness: Node | None = None) -> Path:
    """An inventory of these nodes alone; all else is as in the lab's own."""
    folder = places.LAB / "inventory"
    folder.mkdir(parents=True, exist_ok=True)
    shared = folder / "group_vars"
    if not shared.is_symlink():
        shared.symlink_to(INVENTORY.parent / "group_vars")
    hosts = {
        node.name: {"rack_address": node.rack, "front_address": node.front, "mail_hostname": node.mx}
        for node in nodes
    }
    voters = {witness.name: {"rack_address": witness.rack}} if witness else {}
    groups = {"nodes": {"hosts": hosts}, "witness": {"hosts": voters}}
    path = folder / "hosts.yml"  # JSON is YAML
    path.write_text(json.dumps({"karamail": {"children": groups}}, indent=1))
    return path


def play(arguments: list[str], *, book: str = "site.yml", inventory: Path = INVENTORY) -> None:
    """Runs ansible-playbook in the namespace of the control machine; its output goes to the terminal."""
    if not PLAYBOOK.exists():
        raise LabRefused("Ansible is missing: make lab installs it")
    done = subprocess.run(
        command(book, arguments, inventory),
        cwd=ANSIBLE,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # it asks the terminal things, and is stopped for it in the background
    )
    if done.returncode:
        raise LabRefused(f"ansible-playbook ended with {done.returncode}")


def command(book: str, arguments: list[str], inventory: Path = INVENTORY) -> list[str]:
    """The command line, as documented in docs/operations.md but for the lab's own variables."""
    return host.inside(
        "wire", PLAYBOOK, "-i", inventory, book,
        "--extra-vars", f"lab_folder={places.LAB} bundle_folder={places.BUNDLE}", *arguments,
    )  # fmt: skip


def publish_addresses() -> None:
    """Does what the installer does first at the ward's DNS provider: every name leads to the rack."""
    policies = dict.fromkeys(places.POLICY_HOSTS, places.VIRTUAL)
    mail = {node.mx: node.front for node in places.NODES}
    internet.publish(_addresses(_sites() | policies | mail))


def publish_names() -> None:
    """And then: publishes what `karamail dns` prints."""
    reverse = [
        f"{node.front.rpartition('.')[2]}.113.0.203.in-addr.arpa. IN PTR {node.mx}." for node in places.NODES
    ]
    told = host.on(places.NODES[0].name, "karamail dns")
    to_come = {node.mx: node.front for node in places.NODES if node.mx not in told}  # before it is deployed
    internet.publish("\n".join([told, _addresses(_sites() | to_come), *reverse, ""]))


def _sites() -> dict[str, str]:
    return dict.fromkeys(places.SITES.values(), places.VIRTUAL) | {places.SITES["admin"]: places.ADMIN}


def _addresses(found: dict[str, str]) -> str:
    return "\n".join(f"{name}. IN A {address}" for name, address in found.items()) + "\n"
