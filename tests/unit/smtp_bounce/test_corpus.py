"""Real bounces of many systems as one regression set: the two bars, and that no automatic reply passes
for a bounce.

The samples lie in `tests/corpus`; a newer set in `shared/corpus` beside the repository is used instead.
They are split into two halves per kind by a hash of their names, so that a rule which fits single files
shows as a gap.
"""

import csv
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from smtp import bounce
from smtp.bounce import Class, Finding

ROOT = Path(__file__).resolve().parents[3]
BESIDE = ROOT.parent / "shared" / "corpus"
CORPUS = BESIDE if (BESIDE / "classes.csv").exists() else ROOT / "tests" / "corpus"
VERDICTS_PERCENT = 95
CLASSES_PERCENT = 92


@dataclass(frozen=True)
class Row:
    file: str
    place: int
    reason: str
    permanent: bool
    class_: str
    found: Finding | None

    @property
    def right_verdict(self) -> bool:
        return self.permanent == (self.found is not None and self.found.is_permanent)

    @property
    def right_class(self) -> bool:
        return self.class_ == (self.found.class_ if self.found is not None else Class.NONE)


@cache
def rows() -> tuple[Row, ...]:
    with (CORPUS / "classes.csv").open() as file:
        classes = {row["reason"]: row["class"] for row in csv.DictReader(file)}
    found: dict[str, list[Finding]] = {}
    result = []
    with (CORPUS / "bounces" / "expected.csv").open() as file:
        for row in csv.DictReader(file):
            name, place = row["file"], int(row["recipient"])
            if name not in found:
                found[name] = bounce.read((CORPUS / "bounces" / name).read_bytes())
            finding = found[name][place] if place < len(found[name]) else None
            permanent = row["permanent"] == "true"
            result.append(Row(name, place, row["reason"], permanent, classes[row["reason"]], finding))
    return tuple(result)


def halves() -> dict[str, list[Row]]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in rows():
        kinds[re.sub(r"-\d+\.eml$", "", row.file)].add(row.file)
    first = set()
    for names in kinds.values():
        ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
        first |= set(ordered[::2])
    return {
        "all": list(rows()),
        "one half": [row for row in rows() if row.file in first],
        "other half": [row for row in rows() if row.file not in first],
    }


@pytest.mark.parametrize("part", ["all", "one half", "other half"])
def test_most_recipients_get_the_right_verdict_and_class(
    part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = halves()[part]
    verdicts = 100 * sum(row.right_verdict for row in chosen) / len(chosen)
    classes = 100 * sum(row.right_class for row in chosen) / len(chosen)
    wrong = [f"{row.file} {row.place}" for row in chosen if not (row.right_verdict and row.right_class)]
    with capsys.disabled():
        print(f"\nbounces, {part}: {len(chosen)} recipients, verdict {verdicts:.1f} %, class {classes:.1f} %")
    assert verdicts >= VERDICTS_PERCENT, wrong
    assert classes >= CLASSES_PERCENT, wrong


def test_no_reply_complaint_or_success_is_taken_for_a_bounce() -> None:
    none = [row for row in rows() if row.class_ == Class.NONE]
    assert len(none) > 15
    assert [row.file for row in none if not row.right_class or (row.found and row.found.is_final)] == []


def test_every_file_yields_a_line_per_recipient() -> None:
    missing = [f"{row.file} {row.place}" for row in rows() if row.found is None]
    assert len(missing) <= len(rows()) // 50, missing
