"""The playbook over nodes that are as it wants them: nothing changes, neither in truth nor in check mode.

Last, and with LONG=1 only: either takes as long as half of the others together.
"""

import re
import subprocess

import pytest

from tests.lab import deployment

pytestmark = [pytest.mark.long, pytest.mark.timeout(1000)]
_RECAP = re.compile(r"^(n\d)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["again", "check mode"])
def test_nothing_changes(arguments: list[str]) -> None:
    words = deployment.command("site.yml", arguments)
    done = subprocess.run(words, cwd=deployment.ANSIBLE, capture_output=True, text=True, timeout=900)
    recap = {name: tuple(map(int, rest)) for name, *rest in _RECAP.findall(done.stdout)}
    assert set(recap) == {"n1", "n2", "n3"}, done.stdout[-3000:]
    for name, (_ok, changed, unreachable, failed) in recap.items():
        assert (changed, unreachable, failed) == (0, 0, 0), f"{name}\n{_changes(done.stdout)}"


def _changes(output: str) -> str:
    """The steps that changed or failed, with their names."""
    steps = re.split(r"(?m)^(?=TASK )", output)
    return "\n".join(step[:600] for step in steps if re.search(r"(?m)^(changed|fatal):", step))
