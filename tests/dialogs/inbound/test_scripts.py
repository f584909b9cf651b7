"""Every script in `scripts/` is played against the real listener, on both event loops."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.dialogs.inbound.play import Stage, play

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_dialog(
    script: Path,
    request: pytest.FixtureRequest,
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    with_tls = "\nG: tls" in script.read_text(encoding="utf-8")
    stage: Stage = request.getfixturevalue("tls_stage" if with_tls else "stage")
    run(play(script, stage))
