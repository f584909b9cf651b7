"""The lab's commands; `make lab` and its relatives call them.

    python -m tests.lab up | deploy [ARGUMENTS OF ansible-playbook] | test [ARGUMENTS OF pytest] | down |
    shell NODE | all

Owns their order and the seconds each step took. Fails with `LabRefused`, a sentence, and exit code 1; `down`
can always be called, whatever state an `up` was left in.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.lab import authority, deployment, host, iron, nodes, places, processes, wires
from tests.lab.host import LabRefused

_PYTEST = (sys.executable, "-m", "pytest", "--timeout", "600")


def up() -> None:
    """Three booted nodes and an internet; nothing of ours is on them yet."""
    host.check()
    if wires.laid():
        raise LabRefused("there is a lab already: make lab-test uses it, make lab-down ends it")
    if not (places.BUNDLE / "SHA256SUMS").exists():
        raise LabRefused("there is no bundle: make bundle")
    try:
        with _timed("base system"):
            nodes.make_base()
        with _timed("network, internet, three nodes booted"):
            nodes.make_keys()
            authority.make()
            wires.lay()
            for node in places.NODES:
                nodes.prepare(node)
                nodes.power_on(node)
            _open_internet()
            for node in places.NODES:
                nodes.wait(node)
    except BaseException:
        down()
        raise


def _open_internet() -> None:
    places.MAILBOXES.parent.mkdir(parents=True, exist_ok=True)
    processes.start("internet", host.inside("internet", sys.executable, "-m", "tests.lab.internet"))
    deployment.publish_addresses()
    authority.open_acme()


def deploy(arguments: list[str]) -> None:
    """The real playbook, from the control machine's place in the rack."""
    with _timed("playbook"):
        deployment.play(arguments)
    deployment.publish_names()


def test(arguments: list[str]) -> None:
    """What tests/lab holds, or those of its files that are named; it exits with pytest's code."""
    named = [word for word in arguments if word.startswith("tests/lab")]
    sys.exit(subprocess.call([*_PYTEST, *([] if named else ["tests/lab"]), *arguments], cwd=places.ROOT))


def down() -> None:
    """Ends every process, takes away namespaces and overlays."""
    for node in places.NODES:
        nodes.power_off(node)
    for name in ("acme", "internet"):
        processes.end(name)
    for node in places.NODES:
        nodes.forget(node)
    wires.remove()
    folders = (places.KEY.parent, places.SECRETS, places.MAILBOXES.parent, authority.PUBLIC, places.RUN)
    for made in (*folders, iron.FOLDER):
        shutil.rmtree(made, ignore_errors=True)


def shell(node: str) -> None:
    """A shell on a node, as the operator."""
    if node not in places.BY_NAME:
        raise LabRefused(f"no node {node!r}; there are {', '.join(places.BY_NAME)}")
    words = host.ssh(node)
    os.execvp(words[0], [words[0], *words[1:]])


def everything() -> None:
    """Builds, deploys, tests, and tears down whatever came of it."""
    up()
    try:
        deploy([])
        with _timed("tests"):
            code = subprocess.call([*_PYTEST, "tests/lab"], cwd=places.ROOT)
    finally:
        down()
    sys.exit(code)


@contextmanager
def _timed(step: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"lab: {step}: {time.monotonic() - began:.0f} s", flush=True)


def main(words: list[str]) -> int:
    commands: dict[str, Callable[[], None]] = {
        "up": up,
        "deploy": lambda: deploy(words[1:]),
        "test": lambda: test(words[1:]),
        "down": down,
        "shell": lambda: shell(words[1] if len(words) > 1 else ""),
        "all": everything,
    }
    if not words or words[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        commands[words[0]]()
    except LabRefused as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
