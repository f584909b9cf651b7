"""docs/security/asvs.md: every number once, every file and test named there exists, the count is true."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security/asvs.md").read_text(encoding="utf-8")
STATES = ("met", "partly", "not met", "n/a")
# Levels 1 and 2 of ASVS 5.0.0: by section, the last numbers of its requirements.
LEVEL_2 = {
    "1.1": (1, 2),
    "1.2": (1, 2, 3, 4, 5, 6, 7, 8, 9),
    "1.3": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    "1.4": (1, 2, 3),
    "1.5": (1, 2),
    "2.1": (1, 2, 3),
    "2.2": (1, 2, 3),
    "2.3": (1, 2, 3, 4),
    "2.4": (1,),
    "3.2": (1, 2),
    "3.3": (1, 2, 3, 4),
    "3.4": (1, 2, 3, 4, 5, 6),
    "3.5": (1, 2, 3, 4, 5),
    "3.7": (1, 2),
    "4.1": (1, 2, 3),
    "4.2": (1,),
    "4.3": (1, 2),
    "4.4": (1, 2, 3, 4),
    "5.1": (1,),
    "5.2": (1, 2, 3),
    "5.3": (1, 2),
    "5.4": (1, 2, 3),
    "6.1": (1, 2, 3),
    "6.2": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    "6.3": (1, 2, 3, 4),
    "6.4": (1, 2, 3, 4),
    "6.5": (1, 2, 3, 4, 5),
    "6.6": (1, 2, 3),
    "6.8": (1, 2, 3, 4),
    "7.1": (1, 2, 3),
    "7.2": (1, 2, 3, 4),
    "7.3": (1, 2),
    "7.4": (1, 2, 3, 4, 5),
    "7.5": (1, 2),
    "7.6": (1, 2),
    "8.1": (1, 2),
    "8.2": (1, 2, 3),
    "8.3": (1,),
    "8.4": (1,),
    "9.1": (1, 2, 3),
    "9.2": (1, 2, 3, 4),
    "10.1": (1, 2),
    "10.2": (1, 2),
    "10.3": (1, 2, 3, 4),
    "10.4": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    "10.5": (1, 2, 3, 4, 5),
    "10.6": (1, 2),
    "10.7": (1, 2, 3),
    "11.1": (1, 2),
    "11.2": (1, 2, 3),
    "11.3": (1, 2, 3),
    "11.4": (1, 2, 3, 4),
    "11.5": (1,),
    "11.6": (1,),
    "12.1": (1, 2, 3),
    "12.2": (1, 2),
    "12.3": (1, 2, 3, 4),
    "13.1": (1,),
    "13.2": (1, 2, 3, 4, 5),
    "13.3": (1, 2),
    "13.4": (1, 2, 3, 4, 5),
    "14.1": (1, 2),
    "14.2": (1, 2, 3, 4),
    "14.3": (1, 2, 3),
    "15.1": (1, 2, 3),
    "15.2": (1, 2, 3),
    "15.3": (1, 2, 3, 4, 5, 6, 7),
    "16.1": (1,),
    "16.2": (1, 2, 3, 4, 5),
    "16.3": (1, 2, 3, 4),
    "16.4": (1, 2, 3),
    "16.5": (1, 2, 3),
    "17.1": (1,),
    "17.2": (1, 2, 3, 4),
    "17.3": (1, 2),
}
ALSO = {"2.3.5", "6.3.7", "7.5.3", "8.3.2"}
_ROW = re.compile(
    r"^\| ([0-9.]+)(?:-([0-9.]+))?( \(level 3\))? \| ([^|]+) \| ([^|]+) \| (.+) \|$", re.MULTILINE
)
_NAMED = re.compile(r"`([\w./-]+\.(?:py|md|html|css|js|toml|in|txt))(?:::(\w+))?`")


def wanted() -> set[str]:
    return {f"{section}.{last}" for section, lasts in LEVEL_2.items() for last in lasts} | ALSO


def rows() -> Iterator[tuple[list[str], str, str]]:
    """Numbers, state, evidence."""
    for first, last, _level, _meaning, state, evidence in _ROW.findall(PAGE):
        section, _, begin = first.rpartition(".")
        end = int((last or first).rpartition(".")[2])
        numbers = [f"{section}.{number}" for number in range(int(begin), end + 1)]
        yield [number for number in numbers if number in wanted()] if last else numbers, state, evidence


def test_every_requirement_stands_there_once() -> None:
    counted = Counter(number for numbers, _, _ in rows() for number in numbers)
    assert {number for number, times in counted.items() if times > 1} == set()
    assert counted.keys() == wanted()


def test_every_row_has_a_state_and_what_is_met_has_evidence() -> None:
    for numbers, state, evidence in rows():
        assert state in STATES, numbers
        assert evidence.strip(), numbers
        if state == "met":
            assert _NAMED.search(evidence) or "Python" in evidence, f"{numbers}: no file and no test"


def test_every_file_and_test_that_is_named_exists() -> None:
    missing = []
    for path, test in _NAMED.findall(PAGE):
        file = ROOT / path
        if not file.is_file():
            missing.append(path)
        elif test:
            names = {
                node.name
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.FunctionDef)
            }
            if test not in names:
                missing.append(f"{path}::{test}")
    assert missing == []


def test_the_count_is_true() -> None:
    count = Counter(state for numbers, state, _ in rows() for _ in numbers)
    line = f"Counted: {', '.join(f'{count[state]} {state}' for state in STATES)}, of {count.total()}."
    assert line in PAGE, line
