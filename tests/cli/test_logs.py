"""`karamail logs`: days that are over are sealed, and what was altered since is named."""

import gzip
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cli.logs import today
from tests.cli.conftest import Karamail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What two members left in three days, the last of them today."""
    folder = tmp_path / "logs"
    for member in ("n1", "n2"):
        for ago in (2, 1, 0):
            written(folder, member, ago)
    return folder


def written(folder: Path, member: str, days_ago: int) -> Path:
    day = today() - timedelta(days=days_ago)
    path = folder / member / f"{day}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"{day}T07:00:00+09:00 {member} sshd[7]: Accepted publickey for vendor from 10.0.0.1 port 5\n"
    )
    return path


def sealed(karamail: Karamail, folder: Path, *words: str) -> None:
    assert karamail("logs", "seal", "--folder", str(folder), *words).exit_code == 0


def judged(karamail: Karamail, folder: Path, *words: str) -> tuple[int, str]:
    result = karamail("logs", "verify", "--folder", str(folder), *words)
    return result.exit_code, result.output.strip()


def packed(folder: Path, member: str, days_ago: int) -> Path:
    return folder / member / f"{today() - timedelta(days=days_ago)}.log.gz"


def test_days_that_are_over_are_packed_and_sealed_and_today_is_not(karamail: Karamail, folder: Path) -> None:
    sealed(karamail, folder)
    code, said = judged(karamail, folder)
    assert code == 0
    assert said.startswith("4 files (0 over time and deleted), all as they were sealed. Last link ")
    assert "sshd[7]" in gzip.decompress(packed(folder, "n1", 2).read_bytes()).decode()
    assert (folder / "n1" / f"{today()}.log").exists()


def test_a_second_night_goes_on_from_the_first(karamail: Karamail, folder: Path) -> None:
    sealed(karamail, folder)
    _, first = judged(karamail, folder)
    sealed(karamail, folder)
    assert judged(karamail, folder)[1] == first
    written(folder, "n3", 1)
    sealed(karamail, folder, "--keep-days", "31")
    assert judged(karamail, folder)[1].startswith("5 files ")


def test_a_line_that_was_changed_is_found(karamail: Karamail, folder: Path) -> None:
    sealed(karamail, folder)
    path = packed(folder, "n2", 1)
    text = gzip.decompress(path.read_bytes()).replace(b"10.0.0.1", b"10.0.0.2")
    path.write_bytes(gzip.compress(text))
    assert judged(karamail, folder) == (
        3, f"DIFFERENT: n2/{today() - timedelta(days=1)} is not the file that was sealed"
    )  # fmt: skip


def test_a_file_that_is_gone_is_found(karamail: Karamail, folder: Path) -> None:
    sealed(karamail, folder)
    packed(folder, "n1", 1).unlink()
    code, said = judged(karamail, folder)
    assert (code, said) == (
        3, f"DIFFERENT: n1/{today() - timedelta(days=1)} was sealed and is gone before its time"
    )  # fmt: skip


def test_seals_made_anew_do_not_have_the_links_that_others_keep(karamail: Karamail, folder: Path) -> None:
    sealed(karamail, folder)
    kept = judged(karamail, folder)[1].split()[-1]
    assert judged(karamail, folder, "--against", kept)[0] == 0
    path = packed(folder, "n2", 1)
    path.write_bytes(gzip.compress(b"nothing happened\n"))
    (folder / "seals").unlink()
    sealed(karamail, folder)
    assert judged(karamail, folder)[0] == 0
    code, said = judged(karamail, folder, "--against", kept)
    assert code == 3
    assert "seals were rewritten" in said


def test_a_seal_that_was_taken_out_breaks_the_chain(karamail: Karamail, folder: Path) -> None:
    sealed(karamail, folder)
    lines = (folder / "seals").read_text().splitlines(keepends=True)
    (folder / "seals").write_text("".join(lines[:1] + lines[2:]))
    code, said = judged(karamail, folder)
    assert code == 3
    assert said.endswith("does not follow from the one before it")


def test_what_is_over_its_time_goes_and_its_seal_stays(karamail: Karamail, folder: Path) -> None:
    written(folder, "n1", 40)
    sealed(karamail, folder)
    sealed(karamail, folder, "--keep-days", "31")
    assert not packed(folder, "n1", 40).exists()
    assert judged(karamail, folder, "--keep-days", "31")[1].startswith("4 files (1 over time and deleted)")
    assert judged(karamail, folder)[0] == 3, "kept for a year, it would be missing"


def test_an_interruption_between_packing_and_sealing(karamail: Karamail, folder: Path) -> None:
    plain = folder / "n1" / f"{today() - timedelta(days=1)}.log"
    packed(folder, "n1", 1).write_bytes(b"half of")
    assert plain.exists()
    sealed(karamail, folder)
    code, said = judged(karamail, folder)
    assert code == 0
    assert said.startswith("4 files ")


def test_the_links_are_told_to_the_other_members(folder: Path) -> None:
    """As lines of the journal, which goes everywhere."""
    program = Path(sys.executable).with_name("karamail")
    done = subprocess.run(
        [program, "logs", "seal", "--folder", folder], capture_output=True, text=True, check=True
    )
    events = [json.loads(line) for line in done.stderr.splitlines()]
    told = [event["chain"] for event in events if event["event"] == "logs.sealed"]
    kept = [line.split()[-1] for line in (folder / "seals").read_text().splitlines()]
    assert told == kept
    assert len(kept) == 4
