"""Lynis, the judge of hardening, on a node.

Owns running it and reading its report beside docs/security/hardening.md. Refuses to say how much is enough.
Fails with `LabRefused`.
"""

import re

from tests.lab import host, places
from tests.lab.host import LabRefused

_EXPLAINED = places.ROOT / "docs/security/hardening.md"


def judged(node: str, *, within_s: float = 300) -> tuple[int, set[str]]:
    """Its index of 100, and the ids of what it finds that is not explained."""
    host.on(node, "lynis audit system --quick --no-colors --quiet || true", timeout_s=within_s)
    report = host.on(node, "cat /var/log/lynis-report.dat")
    index = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    if index is None:
        raise LabRefused(f"lynis on {node} did not come to its end")
    found = set(re.findall(r"^(?:warning|suggestion)\[\]=([A-Z]+-\d+)\|", report, re.MULTILINE))
    explained = set(re.findall(r"^\| ([A-Z]+-\d+) \|", _EXPLAINED.read_text(), re.MULTILINE))
    return int(index[1]), found - explained
