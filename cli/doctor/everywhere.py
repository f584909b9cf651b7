"""The last round of the doctor on every node, asked of this node's Prometheus.

Owns the questions and the words for a node that is silent. A round is some minutes old: it says how many.
Refuses to connect to other nodes: Prometheus has asked them all. Fails as a finding: without Prometheus here,
that is what is broken.
"""

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from appliance import clock
from cli.doctor import figures
from cli.doctor.ages import span
from cli.doctor.finding import Finding, Status, broken, ok, warning

AREA = "nodes"
PROMETHEUS = "http://127.0.0.1:9090"
_PATIENCE_S = 5.0
_OLD = timedelta(minutes=15)
_UP = 'up{job="node"}'


def look(base: str = PROMETHEUS) -> Iterator[tuple[str, Finding]]:
    """Node and finding, node by node; the first of each says when its round was."""
    try:
        up = {row["instance"]: value for row, value in _ask(base, _UP)}
        times = {
            row["instance"]: datetime.fromtimestamp(value, UTC) for row, value in _ask(base, figures.TIME)
        }
        rows = _ask(base, figures.FINDING)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        yield "", broken(
            AREA, f"Prometheus of this node does not answer ({type(error).__name__})",
            "nothing; faults of nodes are not told to anybody by this one.",
            "as root: `systemctl status prometheus`, `journalctl -u prometheus`.",
        )  # fmt: skip
        return
    for node in sorted(up):
        yield node, _present(node, up[node] > 0, times.get(node))
        for row, value in rows:
            if row["instance"] == node:
                yield node, Finding(Status(int(value)), row["area"], row["what"], row["means"], row["todo"])


def _present(node: str, up: bool, at: datetime | None) -> Finding:
    if not up:
        return broken(
            AREA, f"{node} does not answer", "the other nodes do its work; if one more is lost, none may.",
            f"is {node} on? Does its address between nodes answer? docs/operations.md, Operating a rack.",
        )  # fmt: skip
    if at is None:
        return ok(AREA, f"{node} answers (it is a witness: no doctor is there)")
    age = clock.now() - at
    if age > _OLD:
        return warning(
            AREA, f"{node} was not looked at for {span(age)}", "unknown.",
            f"on {node}: `systemctl status karamail-doctor`",
        )  # fmt: skip
    return ok(AREA, f"{node} answers; what follows is {span(age)} old")


def _ask(base: str, question: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each series. Raises `OSError`, `ValueError`, `KeyError`."""
    url = f"{base}/api/v1/query?{urllib.parse.urlencode({'query': question})}"
    with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:  # noqa: S310  # our own constant
        told: dict[str, Any] = json.load(answer)
    return [(row["metric"], float(row["value"][1])) for row in told["data"]["result"]]
