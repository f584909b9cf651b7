"""The lab's way of running the project's own playbook, and of publishing names.

Owns the few facts that only the lab knows: where its keys are, that its world begins at another root. Refuses
to do what a role does. Fails with `LabRefused`.
"""

import subprocess

from tests.lab import host, internet, places
from tests.lab.host import LabRefused

PLAYBOOK = places.ROOT / ".venv-ansible" / "bin" / "ansible-playbook"
ANSIBLE = places.ROOT / "ansible"


def play(arguments: list[str], *, book: str = "site.yml") -> None:
    """Runs ansible-playbook in the namespace of the control machine; its output goes to the terminal."""
    if not PLAYBOOK.exists():
        raise LabRefused("Ansible is missing: make lab installs it")
    done = subprocess.run(
        command(book, arguments),
        cwd=ANSIBLE,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # it asks the terminal things, and is stopped for it in the background
    )
    if done.returncode:
        raise LabRefused(f"ansible-playbook ended with {done.returncode}")


def command(book: str, arguments: list[str]) -> list[str]:
    """The command line, as documented in docs/operations.md but for the lab's own variables."""
    return host.inside(
        "wire", PLAYBOOK, "-i", "inventories/lab/hosts.yml", book,
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
    internet.publish("\n".join([told, _addresses(_sites()), *reverse, ""]))


def _sites() -> dict[str, str]:
    return dict.fromkeys(places.SITES.values(), places.VIRTUAL) | {places.SITES["admin"]: places.ADMIN}


def _addresses(found: dict[str, str]) -> str:
    return "\n".join(f"{name}. IN A {address}" for name, address in found.items()) + "\n"
