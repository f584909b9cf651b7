"""A scenario: how the carriers behave in a drill, and how that changes; read from a TOML file.

Owns the file's form. Refuses to time anything: `serving` turns the pages. Fails with `ScenarioRefused`, which
names the file and each wrong key.

    title = "one line"
    seed = "any text"              # decides whose mailbox is in which condition
    [all]                          # manners (`demo.carriers.manners`) of every carrier
    [docomo]                       # and of one; au, softbank, google, yahoo_jp, apple
    [others.keitai1]               # a receiver beside the carriers: domain, ip, and manners
    [[phase]]                      # from then on, on top of the above
    name = "recovered"
    from_s = 20                    # since the first connection; without it: when asked (`/phase/recovered`)
    [phase.all]
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import OperatorError
from demo.carriers.brands import BRANDS, Brand, other
from demo.carriers.manners import Manners

SHIPPED = Path(__file__).with_name("scenarios")
FIRST = "first"
_ALL = "all"
_Changes = dict[str, object]


class ScenarioRefused(OperatorError):
    """The scenario cannot be read; the message says what is wrong and where."""


class _Other(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    domain: str = Field(pattern=r"^[a-z0-9.-]+\.example$")
    ip: str = Field(pattern=r"^127\.[0-9]+\.[0-9]+\.[0-9]+$")


@dataclass(frozen=True, slots=True)
class Phase:
    """`from_s` None: only when asked for."""

    name: str
    from_s: float | None
    manners: dict[str, Manners]
    """By the brand's key."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What `load` read. The first phase is the file's own."""

    title: str
    seed: str
    brands: tuple[Brand, ...]
    phases: dict[str, Phase] = field(default_factory=dict)

    @property
    def first(self) -> Phase:
        return self.phases[FIRST]


def shipped() -> list[str]:
    """The names of the scenarios that come with this package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str) -> Scenario:
    """By the name of a shipped one, or by path. Raises `ScenarioRefused`."""
    path = SHIPPED / f"{name}.toml" if name in shipped() else Path(name)
    try:
        return read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioRefused(f"{name}: {error.strerror}; there are {', '.join(shipped())}") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioRefused(f"{path}: {error}") from None
    except ScenarioRefused as error:
        raise ScenarioRefused(f"{path}: {error}") from None


def read(text: str) -> Scenario:
    """From the text of a file. Raises `ScenarioRefused`, `tomllib.TOMLDecodeError`."""
    tables: dict[str, Any] = tomllib.loads(text)
    title, seed = str(tables.pop("title", "")), str(tables.pop("seed", ""))
    phases = tables.pop("phase", [])
    others = tables.pop("others", {})
    brands = list(BRANDS)
    for label, table in others.items():
        found, tables[label] = _other(label, table)
        brands.append(found)
    everyday = {brand.key: brand.manners for brand in brands}
    first = Phase(FIRST, 0.0, _changed(everyday, tables))
    scenario = Scenario(title, seed, tuple(brands), {FIRST: first})
    for page in phases:
        name, from_s = str(page.pop("name", "")), page.pop("from_s", None)
        if not name or name in scenario.phases:
            raise ScenarioRefused("phase: expected a name of its own")
        scenario.phases[name] = Phase(name, from_s, _changed(first.manners, page))
    return scenario


def _other(label: str, table: dict[str, Any]) -> tuple[Brand, _Changes]:
    try:
        found = _Other.model_validate(table)
    except ValidationError as error:
        raise ScenarioRefused(_said(f"others.{label}", error)) from None
    return other(label, found.domain, found.ip), dict(found.model_extra or {})


def _changed(manners: dict[str, Manners], tables: dict[str, _Changes]) -> dict[str, Manners]:
    for key, table in tables.items():
        if key != _ALL and key not in manners or not isinstance(table, dict):
            raise ScenarioRefused(f"{key}: expected a table named {_ALL} or {', '.join(manners)}")
    changed = {}
    for key, before in manners.items():
        try:
            changed[key] = before.with_changes({**tables.get(_ALL, {}), **tables.get(key, {})})
        except ValidationError as error:
            raise ScenarioRefused(_said(key, error)) from None
    return changed


def _said(where: str, error: ValidationError) -> str:
    wrong = [
        f"{where}.{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    ]
    return "; ".join(wrong)
