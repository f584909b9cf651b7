"""The walls of the house: who may import whom, who may log, who may catch everything, how long a file is.

The walls are those of docs/architecture.md. A test that fails here names the file and the line; the way
out is nearly always to move the code to the room where it belongs, not to widen the list.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("appliance", "smtp", "web", "cli", "demo")
MAX_LINES = 400

# Room or part of one -> what it must never import. A file falls under every entry that is its beginning.
FORBIDDEN = {
    "appliance": ("aiosmtpd", "flask", "flask_wtf", "flask_babel", "gunicorn", "smtp", "web", "cli", "demo"),
    "smtp": ("flask", "flask_wtf", "flask_babel", "gunicorn", "web", "cli", "demo"),
    "web": ("smtp", "aiosmtpd", "cli", "demo"),
    "web.common": ("web.guardian", "web.sender", "web.admin"),
    "web.guardian": ("web.sender", "web.admin"),
    "web.sender": ("web.guardian", "web.admin"),
    "web.admin": ("web.guardian", "web.sender"),
    "demo": ("web",),
}

# Inside appliance the arrows point down this list: nothing imports what stands above it.
FLOORS = (
    ("errors", "clock", "address", "sqlite"),
    ("log", "config", "keys"),
    ("models",),
    ("db", "migrations"),
    ("states", "actor"),
    ("access", "audit"),
)

# Edges: the few places where the next thing must go on whatever happened to this one.
CATCHES_EVERYTHING = {
    "smtp/daemon.py",
    "smtp/inbound/authenticity.py",
    "smtp/inbound/checks.py",
    "smtp/inbound/session.py",
    "smtp/relay.py",
}

# Formatting log lines is appliance.log's alone; the names are for switching a library's logger down.
LOGGERS = {"appliance/log.py"}


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything imported; `from a import b` counts as `a` and as `a.b`."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
                base = ".".join([*above, base]).rstrip(".")
            yield node.lineno, base
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def lies_in(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_nothing_from_behind_its_walls(room: str) -> None:
    trespasses = {
        f"{shown(path)}:{line} imports {imported}"
        for path in sources()
        if lies_in(name_of(path), room)
        for line, imported in imports(path)
        if any(lies_in(imported, wall) for wall in FORBIDDEN[room])
    }
    assert not trespasses, "\n".join(sorted(trespasses))


def test_nothing_in_appliance_imports_from_a_floor_above() -> None:
    floor_of = {
        f"appliance.{noun}": height for height, nouns in enumerate(FLOORS) for noun in nouns
    }  # whatever is not named here lives on the top floor and may import all of these

    def floor(name: str) -> int | None:
        return next((height for noun, height in floor_of.items() if lies_in(name, noun)), None)

    trespasses = set()
    for path in sources():
        own = floor(name_of(path))
        if own is None:
            continue
        for line, imported in imports(path):
            if not lies_in(imported, "appliance") or imported == "appliance":
                continue
            above = floor(imported)
            if above is None or above > own:
                trespasses.add(f"{shown(path)}:{line} imports {imported}")
    assert not trespasses, "\n".join(sorted(trespasses))


def test_only_the_log_module_formats_log_lines() -> None:
    strays = {
        f"{shown(path)}:{line}"
        for path in sources()
        if shown(path) not in LOGGERS
        for line, imported in imports(path)
        if lies_in(imported, "logging") or lies_in(imported, "warnings")
    }
    assert not strays, "use a function of appliance.log instead:\n" + "\n".join(sorted(strays))


def broad(handler: ast.ExceptHandler) -> bool:
    """`except:`, `except Exception` or `except BaseException`, alone or in a tuple."""
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id in {"Exception", "BaseException"} for each in caught)


def reraises(handler: ast.ExceptHandler) -> bool:
    """Ends in a bare `raise`: that tidies up, it does not swallow."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_the_edges_catch_everything() -> None:
    strays = [
        f"{shown(path)}:{node.lineno}"
        for path in sources()
        if shown(path) not in CATCHES_EVERYTHING
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and broad(node) and not reraises(node)
    ]
    assert not strays, "name the exceptions that can happen:\n" + "\n".join(strays)


def test_only_the_address_module_takes_addresses_apart() -> None:
    """`text.partition("@")`, `split("@")` and the like: an address has one home."""
    strays = [
        f"{shown(path)}:{node.lineno}"
        for path in sources()
        if shown(path) != "appliance/address.py" and not shown(path).startswith("demo/")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"split", "rsplit", "partition", "rpartition"}
        and any(isinstance(each, ast.Constant) and each.value in {"@", b"@"} for each in node.args)
    ]
    assert not strays, "\n".join(strays)


def test_every_module_says_what_it_is() -> None:
    silent = [
        shown(path)
        for path in sources()
        if not ast.get_docstring(tree(path)) and path.read_text(encoding="utf-8").strip()
    ]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_no_file_is_too_long() -> None:
    """Past 400 lines a file is split, or says in its docstring why not ("more than 400 lines: ...")."""
    long = [
        f"{shown(path)}: {lines} lines"
        for path in [*sources(), *sorted((ROOT / "tests").rglob("*.py"))]
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
        and "more than 400 lines" not in (ast.get_docstring(tree(path)) or "")
    ]
    assert not long, "\n".join(long)
