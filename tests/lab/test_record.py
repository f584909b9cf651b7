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
from appliance.models import AuditCheckpoint
from appliance.record import cosignatures, note, trust
settings = config.load(Path("/etc/karamail/operator.toml"))
db.connect(settings)
last = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).first()
by = note.read(cosignatures.signed_note(last), trust.trusted(settings))[1][1:] if last else []
print(json.dumps({"size": last.size if last else 0, "by": by}))
"""


def newest(node: str) -> tuple[int, set[str]]:
    """The newest checkpoint's size, and which witnesses have signed it with a key that counts."""
    told = json.loads(ward.python(node, _NEWEST).splitlines()[-1])
    return told["size"], set(told["by"])


def leave_a_record(node: str) -> None:
    """An operator exports the record, which is recorded."""
    host.on(node, "rm -rf /root/exported; karamail audit export /root/exported; rm -rf /root/exported")


def all_cosign() -> None:
    """What is recorded on one node is signed by the witnesses of all."""
    before, _ = newest("n2")
    leave_a_record("n2")

    def cosigned() -> bool:
        size, by = newest("n2")
        return size > before and by == WITNESSES

    until(cosigned, within_s=_COSIGNED_S, why="a checkpoint with the witnesses of all nodes")


def test_what_is_recorded_on_one_node_is_cosigned_by_all_three(school: ward.Founded) -> None:
    all_cosign()


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
    own = [set(host.on(node, "karamail audit keys").splitlines()) for node in NODES]
    alone = [keys - set().union(*(others for others in own if others is not keys)) for keys in own]
    assert [len(keys) for keys in alone] == [1] * len(NODES)
