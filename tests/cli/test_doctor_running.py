"""`karamail doctor` at a node where everything runs: nothing is broken, and it says so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.doctor.node import listeners
from tests.cli.conftest import PTR, Karamail
from tests.e2e.house import Names
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def running(node: Path, ports: dict[str, int]) -> Iterator[None]:
    """All four zones, each as its own process."""
    karamail = Path(sys.executable).with_name("karamail")
    processes = []
    with (node.parent / "zones.log").open("wb") as log:
        for zone in ("mail", "guardian", "sender", "admin"):
            command = [karamail, "--config", node, "serve", zone]
            environment = {"PATH": os.environ["PATH"], "HOME": str(node.parent)}
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
    doors = [port for name, port in ports.items() if name != "dns_port"]
    try:
        until(lambda: all(listeners(port) for port in doors), within_s=60, why="the zones listen")
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


def test_a_node_where_everything_runs(node: Path, running: None, karamail: Karamail, names: Names) -> None:
    names.zone(karamail("dns").output + PTR)
    result = karamail("doctor")
    said = [line for line in result.output.splitlines() if not line.startswith("ok ")]
    assert "BROKEN" not in result.output, result.output
    assert result.exit_code == 1  # this ward is an invented one
    assert "WARNING  config: demo = true" in said
    assert "127.0.0.1" in result.output
    for zone in ("guardian", "sender", "admin"):
        assert f"ok       sites: {zone} answers" in result.output
    assert "answers as mx.midori.example" in result.output


def test_one_worker_too_few_is_said(node: Path, running: None, karamail: Karamail) -> None:
    node.write_text(node.read_text().replace("workers = 1", "workers = 2", 1))
    assert "1 of 2 mail workers run" in karamail("doctor", "--only", "workers").output
