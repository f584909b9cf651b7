"""`karamail report access`: the sheet that a ward files each month."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from appliance import audit, db
from cli.logs import today
from tests.cli.conftest import Karamail

_PROXY = '{"event":"proxy.request","site":"admin.example","peer":"%s","method":"GET","status":%d,"octets":9}'
_LINES = (
    ("n1", "nginx[4]:", _PROXY % ("198.51.100.7", 200)),
    ("n1", "nginx[4]:", _PROXY % ("198.51.100.7", 403)),
    ("n2", "nginx[4]:", _PROXY % ("198.51.100.8", 503)),
    ("n2", "nginx:", "not JSON, but with \"proxy.request\" in it"),
    ("n1", "sshd-session[8]:", "Accepted publickey for vendor from 10.77.0.1 port 3 ssh2: RSA SHA256:x"),
    ("n2", "sshd-session[8]:", "Invalid user admin from 192.0.2.66 port 4"),
    ("n2", "sudo[9]:", "   vendor : PWD=/home/vendor ; USER=root ; COMMAND=/usr/bin/sh -c 'date'"),
    ("n2", "sudo[9]:", "pam_unix(sudo:session): session opened for user root(uid=0) by vendor(uid=1000)"),
    ("n2", "kernel:", "karamail-drop-in: IN=front0 OUT= SRC=192.0.2.66"),
    ("n1", "kernel:", "karamail-drop-out: IN= OUT=front0"),
)  # fmt: skip


@pytest.fixture
def folder(node: Path, tmp_path: Path) -> Path:
    """Yesterday's and today's files of two members; n2 has lost yesterday."""
    folder = tmp_path / "logs"
    days = [today(), *([today() - timedelta(days=1)] if today().day > 1 else [])]
    for day in days:
        for member in ("n1", "n2"):
            if member == "n2" and day != today():
                continue
            lines = [
                f"{day}T07:00:00.1+09:00 {at} {tag} {said}\n" for at, tag, said in _LINES if at == member
            ]
            path = folder / member / f"{day}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines if day == today() else []))
    with db.transaction():
        audit.record_operation(audit.Act.RECORDS_EXPORTED, "record", None)
    return folder


def month() -> str:
    return f"{today():%Y-%m}"


def test_the_figures_of_a_month(karamail: Karamail, folder: Path) -> None:
    result = karamail("report", "access", month(), "--folder", str(folder), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["sites"] == {"admin.example": {"requests": 3, "refused": 1, "failed": 1, "addresses": 2}}
    assert told["entered"] == [{"who": "vendor", "from": "10.77.0.1", "times": 1}]
    assert (told["turned_away"], told["as_root"]) == (1, {"vendor": 1})
    assert told["dropped"] == {"in": 1, "out": 1}
    assert told["acts"]["records.exported"] == 1
    assert told["members"]["n1"]["sealed"] == 0


def test_a_day_without_a_file_is_named(karamail: Karamail, folder: Path) -> None:
    told = json.loads(karamail("report", "access", month(), "--folder", str(folder), "--json").output)
    missing = {member: told["members"][member]["missing"] for member in ("n1", "n2")}
    assert today().isoformat() not in missing["n1"] + missing["n2"]
    if today().day > 1:
        assert (today() - timedelta(days=1)).isoformat() in missing["n2"]
        assert (today() - timedelta(days=1)).isoformat() not in missing["n1"]


def test_the_sheet_is_in_japanese_and_holds_no_address_of_a_visitor(karamail: Karamail, folder: Path) -> None:
    said = karamail("report", "access", month(), "--folder", str(folder)).output
    assert said.startswith(f"アクセス記録 月次報告  {today().year}年{today().month}月")
    assert "vendor が 10.77.0.1 から入った" in said
    assert "操作記録を書き出した" in said
    assert "198.51.100.7" not in said


def test_a_month_that_is_none(karamail: Karamail, folder: Path) -> None:
    result = karamail("report", "access", "November", "--folder", str(folder))
    assert result.exit_code == 2
    assert "expected a month such as 2026-11" in result.output
