"""Reads `karamail.toml` into a `Config`.

Owns the way from bytes to settings and the wording of what is wrong. Refuses to guess: no search path, no
environment overrides. Fails with `ConfigInvalid`.
"""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from appliance.config.schema import Config
from appliance.errors import ConfigInvalid


def load(path: Path) -> Config:
    """The checked configuration; relative paths in it are relative to the file. Raises `ConfigInvalid`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigInvalid(
            f"{path}: no such file. Expected a TOML file; see docs/configuration.md"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path}: cannot be read ({type(error).__name__}). Expected UTF-8 TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"{path}: not TOML: {error}") from None
    try:
        return Config.model_validate(_anchored(table, path.resolve().parent))
    except ValidationError as error:
        raise ConfigInvalid("\n".join(_lines(path, error))) from None


def _lines(path: Path, error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"{path}: {key}: unknown key. Expected one of those in `karamail config describe`")
        elif fault["type"] == "missing":
            lines.append(f"{path}: {key}: missing. It has no default; see `karamail config describe`")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{path}: {key}: {message}" if key else f"{path}: {message}")
    return lines


def _anchored(table: dict[str, object], base: Path) -> dict[str, object]:
    """Makes the file's own relative paths absolute."""

    def anchor(section: object, key: str) -> None:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = str(base / section[key])

    anchor(table, "secrets_dir")
    for key in ("spool_dir", "ca_file"):
        anchor(table.get("relay"), key)
    for key in ("tls_cert", "tls_key"):
        anchor(table.get("mail"), key)
    anchor(table.get("audit"), "witness_file")
    database = table.get("database")
    anchor(database, "password_file")
    if isinstance(database, dict):
        url = database.get("url")
        if isinstance(url, str) and url.startswith("sqlite:///"):
            database["url"] = "sqlite:///" + str(base / url.removeprefix("sqlite:///"))
    return table
