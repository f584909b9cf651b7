"""`karamail bounce explain`: JSON lines for support, words for what cannot be read."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from cli.main import main
from tests.support.automatic import REPLIES
from tests.support.bounces import exim, postfix


def explain(*names: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["bounce", "explain", *names], input=given)


def test_one_line_per_file_and_recipient(tmp_path: Path) -> None:
    first, second = tmp_path / "1.eml", tmp_path / "2.eml"
    first.write_bytes(postfix("550 5.1.1 user unknown", "taro@x.example"))
    second.write_bytes(exim("452 4.2.2 mailbox full", "hanako@x.example"))
    result = explain(str(first), str(second))
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0] == {
        "file": str(first), "recipient": 0, "address": "taro@x.example", "status": "5.1.1", "reply_code": 550,
        "class": "gone", "reason": "userunknown", "permanent": True, "final": True,
    }  # fmt: skip
    assert (lines[1]["class"], lines[1]["reason"], lines[1]["permanent"]) == ("full", "mailboxfull", False)


def test_standard_input(tmp_path: Path) -> None:
    result = explain("-", given=postfix("550 5.1.1 user unknown", "taro@x.example"))
    assert (result.exit_code, json.loads(result.stdout)["file"]) == (0, "-")


def test_a_file_that_is_not_there_is_named_and_the_others_are_explained(tmp_path: Path) -> None:
    there = tmp_path / "there.eml"
    there.write_bytes(postfix("550 5.1.1 user unknown", "taro@x.example"))
    result = explain(str(tmp_path / "missing.eml"), str(tmp_path), str(there))
    assert result.exit_code == 1
    assert "missing.eml: no such file or directory" in result.stderr
    assert "is a directory" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_mail_that_is_no_bounce(tmp_path: Path) -> None:
    result = explain("-", given=REPLIES["a person"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "tells of no delivery" in result.stderr
    assert json.loads(explain("-", given=REPLIES["vacation"]).stdout)["class"] == "none"


def test_no_file_is_wrong_usage() -> None:
    assert explain().exit_code == 2
