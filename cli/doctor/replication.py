"""The database on its nodes: does one lead, and does a second one have every commit?

Owns asking Patroni once and the words for its answer. Refuses to switch or restart anything. A machine of its
own, without Patroni, has no finding.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from appliance.config import Config
from cli.doctor.finding import Finding, broken, ok, warning

AREA = "replication"
_CONFIG = "/etc/patroni/config.yml"
_PATIENCE_S = 20.0
_LAG_MB = 64
_LOOK = (
    f"`patronictl -c {_CONFIG} list`; `journalctl -u patroni -u etcd`; docs/operations.md, Operating a rack."
)


def look(config: Config) -> Iterator[Finding]:
    """Who leads, who follows, how far behind."""
    patronictl = shutil.which("patronictl")
    if patronictl is None or not config.database.url.startswith("postgresql"):
        return
    try:
        told = subprocess.run(  # noqa: S603  # fixed words
            [patronictl, "-c", _CONFIG, "list", "--format", "json"],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=True,
        )  # fmt: skip
        members = json.loads(told.stdout)
    except (subprocess.SubprocessError, ValueError):
        yield broken(
            AREA, "the nodes do not agree about who leads, or this command may not ask (it needs root)",
            "what is sent or registered may not be accepted.", _LOOK,
        )  # fmt: skip
        return
    yield from judge(members)


def judge(members: list[dict[str, Any]]) -> Iterator[Finding]:
    """What `patronictl list` says."""
    leaders = [each for each in members if each["Role"] == "Leader" and each["State"] == "running"]
    if not leaders:
        yield broken(AREA, "no node leads the database", "nothing is accepted; senders try again.", _LOOK)
        return
    leader = leaders[0]["Member"]
    if len(members) == 1:
        yield ok(AREA, f"{leader} leads; there is no other node")
        return
    followers = [each for each in members if each["State"] == "streaming"]
    if not any(each["Role"] == "Sync Standby" for each in followers):
        yield broken(
            AREA, f"{leader} leads and no second node has every commit",
            "nothing is accepted; senders try again.", _LOOK,
        )  # fmt: skip
    for each in members:
        if each is not leaders[0] and each not in followers:
            yield warning(
                AREA, f"{each['Member']} does not follow ({each['State']})",
                "nothing yet; if one more node is lost, nothing is accepted.",
                f"on {each['Member']}: {_LOOK}",
            )  # fmt: skip
        elif each in followers and _lag_mb(each) > _LAG_MB:
            yield warning(
                AREA, f"{each['Member']} is {_lag_mb(each)} MB behind", "nothing yet.",
                f"on {each['Member']}: is its disk slow, or the network between nodes? {_LOOK}",
            )  # fmt: skip
    if len(followers) == len(members) - 1:
        names = ", ".join(each["Member"] for each in followers)
        yield ok(AREA, f"{leader} leads, {names} follow")


def _lag_mb(member: dict[str, Any]) -> int:
    lag = member.get("Lag in MB", 0)
    return lag if isinstance(lag, int) else _LAG_MB + 1  # "unknown"
