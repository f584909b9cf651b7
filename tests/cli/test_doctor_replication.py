"""`karamail doctor` on what Patroni says of the nodes."""

import pytest

from cli.doctor.replication import judge

LEADER = {"Member": "n1", "Role": "Leader", "State": "running", "TL": 3}
SYNC = {"Member": "n2", "Role": "Sync Standby", "State": "streaming", "TL": 3, "Lag in MB": 0}
ASYNC = {"Member": "n3", "Role": "Replica", "State": "streaming", "TL": 3, "Lag in MB": 0}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([LEADER, SYNC, ASYNC], ["OK n1 leads, n2, n3 follow"]),
        ([LEADER], ["OK n1 leads; there is no other node"]),
        ([SYNC | {"State": "running"}, ASYNC], ["BROKEN no node leads the database"]),
        ([], ["BROKEN no node leads the database"]),
        (
            [LEADER, ASYNC | {"State": "stopped"}],
            ["BROKEN n1 leads and no second node has every commit", "WARNING n3 does not follow (stopped)"],
        ),
        ([LEADER, SYNC, ASYNC | {"State": "starting"}], ["WARNING n3 does not follow (starting)"]),
        (
            [LEADER, SYNC, ASYNC | {"Lag in MB": 512}],
            ["WARNING n3 is 512 MB behind", "OK n1 leads, n2, n3 follow"],
        ),
        (
            [LEADER, SYNC, ASYNC | {"Lag in MB": "unknown"}],
            ["WARNING n3 is 65 MB behind", "OK n1 leads, n2, n3 follow"],
        ),
    ],
)
def test_what_the_nodes_of_a_database_look_like(members: list[dict[str, object]], told: list[str]) -> None:
    found = list(judge(members))
    assert [f"{each.status.name} {each.what}" for each in found] == told
    assert all(each.means and each.todo for each in found if each.status)
