"""How much memory a process really holds, from /proc."""

import re
from pathlib import Path


def peak_rss_mb(pid: int) -> float:
    """The most resident memory the running process ever had, in MB (VmHWM). 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
