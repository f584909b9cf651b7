"""What supervisor is told about a node's mail workers."""

import configparser
from pathlib import Path

from cli import workers
from tests.support.settings import settings


def told(tmp_path: Path) -> configparser.RawConfigParser:
    config = settings(tmp_path, "sqlite:///karamail.db", secrets=tmp_path)
    config = config.model_copy(update={"mail": config.mail.model_copy(update={"workers": 3})})
    parsed = configparser.RawConfigParser()
    parsed.read_string(workers.configuration(tmp_path / "karamail.toml", config, tmp_path))
    return parsed


def test_each_worker_has_a_name_that_stays(tmp_path: Path) -> None:
    conf = told(tmp_path)
    commands = [conf[f"program:mail-{number}"]["command"] for number in (1, 2, 3)]
    assert [command.split()[-1] for command in commands] == ["1", "2", "3"]
    assert "program:mail-4" not in conf


def test_a_worker_with_bad_settings_stays_down_and_any_other_comes_back(tmp_path: Path) -> None:
    worker = told(tmp_path)["program:mail-1"]
    assert (worker["autorestart"], worker["exitcodes"]) == ("unexpected", "78")


def test_a_worker_has_time_to_settle_what_it_holds(tmp_path: Path) -> None:
    worker = told(tmp_path)["program:mail-1"]
    assert worker["stopsignal"] == "TERM"
    assert int(worker["stopwaitsecs"]) >= 60
