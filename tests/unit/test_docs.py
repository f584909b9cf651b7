"""The documents are true: what they name exists, and their tables and diagrams are those of the code.

A test that fails here prints what to write. Documents are README.md, CHANGELOG.md and everything in docs/.
"""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import click
import pytest

from appliance import models, states
from appliance.config import Zone, describe
from appliance.config.describe import settings
from appliance.keys import secrets
from appliance.keys.ring import OPENERS
from appliance.limits import STARTING_LIMITS
from cli.main import main as karamail

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
ROOMS = ("appliance", "smtp", "web", "cli", "demo")
SOURCES = sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py"))

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def text_of(relative: str) -> str:
    return (ROOT / relative).read_text(encoding="utf-8")


def quoted(text: str) -> set[str]:
    """What stands between single backticks, outside of fenced blocks."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)))


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, without its head."""
    rows = []
    for line in text.split(f"\n{heading}\n", 1)[1].splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))])
        elif rows:
            break
    return rows[2:]


# --- names


@cache
def exists(name: str) -> bool:
    """`room.module.function`, imported and looked up."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part) and part not in getattr(found, "__dataclass_fields__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False


@each_document
def test_every_name_in_the_documents_is_in_the_code(path: Path) -> None:
    names = {
        name.removesuffix("()")
        for name in quoted(path.read_text(encoding="utf-8"))
        if re.fullmatch(rf"(?:{'|'.join(ROOMS)})(?:\.\w+)+(?:\(\))?", name) and not name.endswith(".py")
    }
    missing = sorted(name for name in names if not exists(name))
    assert not missing, "not in the code: " + ", ".join(missing)


def files_named(text: str) -> set[str]:
    found = {
        word
        for word in quoted(text)
        if re.fullmatch(r"[\w.*-]*(?:/[\w.*-]*)+(?:::\w+)?", word) and not word.startswith(("/", "var/", "~"))
    }
    return {word for word in found if (ROOT / word.split("/")[0]).exists()}


@each_document
def test_every_file_and_test_named_in_the_documents_is_there(path: Path) -> None:
    missing = []
    for word in sorted(files_named(path.read_text(encoding="utf-8"))):
        place, _, test = word.partition("::")
        matches = list(ROOT.glob(place))
        if not matches or (test and f"def {test}(" not in matches[0].read_text(encoding="utf-8")):
            missing.append(word)
    assert not missing, "not there: " + ", ".join(missing)


@each_document
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not dead, "dead links: " + ", ".join(dead)


def spoken_to(command: list[str]) -> click.Command | None:
    """The command that these words lead to, or None."""
    found: click.Command = karamail
    for word in command:
        if not isinstance(found, click.Group):
            return found
        if word not in found.commands:
            return None
        found = found.commands[word]
    return found


@each_document
def test_every_karamail_command_in_the_documents_exists_with_its_options(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    wrong = []
    for rest in re.findall(r"(?:^\s{4}(?:sudo -u \S+ )?|`)karamail((?: [\w./=$<>-]+)+)", text, re.MULTILINE):
        words = rest.split()
        verbs = [word for word in words if re.fullmatch(r"[a-z]+", word)]
        command = spoken_to(verbs)
        known = {option for each in (command, karamail) if each for p in each.params for option in p.opts}
        strange = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
        if command is None or strange:
            wrong.append(f"karamail{rest}")
    assert not wrong, "no such command: " + ", ".join(wrong)


@each_document
def test_every_make_target_in_the_documents_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))
    named = set(
        re.findall(r"(?:`|^\s{4})make ([a-z][a-z-]*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named <= targets, f"no such target: {sorted(named - targets)}"


@each_document
def test_every_setting_in_the_documents_exists(path: Path) -> None:
    known = {key for key, *_ in settings()}
    sections = {key.partition(".")[0] for key in known if "." in key}
    named = {
        word for word in quoted(path.read_text(encoding="utf-8"))
        if re.fullmatch(rf"(?:{'|'.join(sorted(sections))})\.[a-z_]+", word)
    }  # fmt: skip
    assert named <= known, f"no such setting: {sorted(named - known)}"


# --- what is generated


@pytest.mark.parametrize(
    "kind",
    [states.RegistrationState, states.BroadcastState, states.DeliveryState, states.DeviceState],
    ids=lambda kind: kind.__name__,
)
def test_the_diagrams_of_the_flow_are_the_tables_of_the_code(kind: type[states.RegistrationState]) -> None:
    block = f"```mermaid\n{states.diagram(kind)}```"
    assert block in text_of("docs/flow.md"), f"docs/flow.md needs this diagram:\n{block}"


def test_the_page_of_settings_is_what_the_program_describes() -> None:
    assert text_of("docs/configuration.md") == describe(), "karamail config describe > docs/configuration.md"


def held(zones: dict[Zone, tuple[str, ...]], row: list[str]) -> bool:
    """The dots of a row are the zones that have its first cell."""
    name, order = row[0].strip("`"), (Zone.GUARDIAN, Zone.SENDER, Zone.ADMIN, Zone.MAIL)
    return [cell == "●" for cell in row[1:5]] == [name in zones[zone] for zone in order]


def test_the_table_of_secrets_is_the_one_the_program_keeps() -> None:
    rows = table(text_of("docs/architecture.md"), "### Which secret is in which zone")
    assert {row[0].strip("`") for row in rows} == {name for held in secrets.SECRETS.values() for name in held}
    wrong = [row[0] for row in rows if not held(secrets.SECRETS, row)]
    assert not wrong, f"not as in appliance.keys.secrets.SECRETS: {wrong}"


def test_the_table_of_what_a_zone_opens_is_the_one_the_program_keeps() -> None:
    opened = {zone: tuple(purpose.value for purpose in OPENERS if zone in OPENERS[purpose]) for zone in Zone}
    rows = table(text_of("docs/architecture.md"), "### What a zone's key opens")
    assert {row[0].strip("`") for row in rows} == {purpose.value for purpose in OPENERS}
    wrong = [row[0] for row in rows if not held(opened, row)]
    assert not wrong, f"not as in appliance.keys.ring.OPENERS: {wrong}"


def test_the_table_of_limits_is_the_one_the_program_starts_with() -> None:
    rows = table(text_of("docs/shaping.md"), "## Starting limits")
    written = {row[0].strip("`"): [float(cell) if cell else None for cell in row[1:5]] for row in rows}
    assert written == {
        carrier.value: [
            limits.connections, limits.messages_per_connection, limits.per_s, limits.connections_per_s,
        ]
        for carrier, limits in STARTING_LIMITS.items()
    }  # fmt: skip
    assert all(row[5] for row in rows), "each with its source"


def test_the_page_of_the_log_has_every_event_and_no_other() -> None:
    events = re.findall(r'_line\("([a-z_.]+)"', text_of("appliance/log.py"))
    assert sorted(cells[0] for cells in table(text_of("docs/log.md"), "## Events")) == sorted(events)


def test_every_table_of_the_database_is_on_the_page() -> None:
    rows = table(text_of("docs/architecture.md"), "## Tables")
    written = [row[0].strip("`") for row in rows]
    assert sorted(written) == sorted(model._meta.table_name for model in models.ALL)


def sealed_columns() -> set[str]:
    """Tables of which some column is bound to a `Slot`, that is, holds a sealed value."""
    return {
        node.args[1].value
        for path in SOURCES
        if path.is_relative_to(ROOT / "appliance")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Slot"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    }


def test_the_page_says_of_every_table_that_holds_sealed_values() -> None:
    rows = table(text_of("docs/architecture.md"), "## Tables")
    assert {row[0].strip("`") for row in rows if "sealed" in row[2]} == sealed_columns()


def test_decisions_are_numbered_and_say_context_decision_and_consequence() -> None:
    papers = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [paper.name.partition("-")[0] for paper in papers]
    assert all(number.isdigit() and len(number) == 4 for number in numbers)
    assert len(set(numbers)) == len(numbers), "two decisions with one number"
    for paper in papers:
        headings = re.findall(r"^## (.+)$", paper.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequence"], paper.name
