"""The operation record on three nodes: cosigned by every node, and found whole from each."""

import json

import pytest

from tests.lab import host, places, ward
from tests.support.waiting import until

NODES = [node.name for node in places.NODES]
WITNESSES = {f"{node.mx}/witness" for node in places.NODES}
_COSIGNED_S = 60.0
"""The lab seals every five seconds, and a witness looks as often."""

_NEWEST = """
import json
from pathlib import Path
from appliance import config, db
from appliance.models import AuditCheckpoint, AuditCosignature
db.connect(config.load(Path("/etc/karamail/operator.toml")))
last = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).first()
size = last.size if last else 0
by = [each.name for each in AuditCosignature.select().where(AuditCosignature.size == size)]
print(json.dumps({"size": size, "by": by}))
"""


def newest(node: str) -> tuple[int, set[str]]:
    """The newest checkpoint's size, and whose witnesses have signed it."""
    told = json.loads(ward.python(node, _NEWEST).splitlines()[-1])
    return told["size"], set(told["by"])


def leave_a_record(node: str) -> None:
    """An operator exports the record, which is recorded."""
    host.on(node, "rm -rf /root/exported; karamail audit export /root/exported; rm -rf /root/exported")


def test_what_is_recorded_on_one_node_is_cosigned_by_all_three(school: ward.Founded) -> None:
    before, _ = newest("n2")
    leave_a_record("n2")

    def cosigned() -> bool:
        size, by = newest("n2")
        return size > before and by == WITNESSES

    until(cosigned, within_s=_COSIGNED_S, why="a checkpoint with the witnesses of all nodes")


@pytest.mark.parametrize("node", NODES)
def test_each_node_finds_the_record_as_it_was_signed(school: ward.Founded, node: str) -> None:
    told = json.loads(host.on(node, "karamail audit verify --json"))
    assert told["whole"]
    assert told["cosigned"] > 0


def test_another_node_seals_when_one_is_told_to_end(school: ward.Founded) -> None:
    before, _ = newest("n1")
    host.on("n1", "systemctl stop karamail-audit")
    try:
        leave_a_record("n1")
        until(lambda: newest("n1")[0] > before, within_s=_COSIGNED_S, why="another node's checkpoint")
    finally:
        host.on("n1", "systemctl start karamail-audit")


def test_no_two_nodes_share_a_witness() -> None:
    keys = {host.on(node, "karamail audit keys").splitlines()[-1].partition("+")[2] for node in NODES}
    assert len(keys) == len(NODES)
