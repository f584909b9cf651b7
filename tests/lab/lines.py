"""Lines of the nodes' journals: written on one, looked for in what another keeps.

Owns the two. Refuses to wait: `until` does. Fails with `LabRefused`, as `host` does.
"""

from uuid import uuid4

from tests.lab import host


def write(node: str) -> str:
    """A line in a node's journal; its words, which nothing else says."""
    words = f"probe-{uuid4().hex}"
    host.on(node, f"logger --tag probe {words}")
    return words


def has(node: str, words: str, *, of: str) -> bool:
    """Whether the files that a node keeps of another hold the words."""
    told = host.on(node, f"cat /var/log/karamail/{of}/*.log | grep --count --fixed-strings {words} || true")
    return int(told) > 0
