"""`karamail report access`: the sheet that a ward files each month."""

import json
from datetime import date
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


def write(folder: Path, member: str, day: date, text: str = "") -> None:
    path = folder / member / f"{day}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def folder(node: Path, tmp_path: Path) -> Path:
    """Today's files of two members."""
    folder = tmp_path / "logs"
    for member in ("n1", "n2"):
        lines = [
            f"{today()}T07:00:00.1+09:00 {at} {tag} {said}\n" for at, tag, said in _LINES if at == member
        ]
        write(folder, member, today(), "".join(lines))
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


def test_a_day_without_a_file_is_named_and_no_day_before_the_first(karamail: Karamail, folder: Path) -> None:
    """n1 was there before; n2 was racked on the 10th, and lost the 20th."""
    write(folder, "n1", date(2026, 8, 30))
    for number in range(1, 31):
        if number not in (3, 4):
            write(folder, "n1", date(2026, 9, number))
        if number >= 10 and number != 20:
            write(folder, "n2", date(2026, 9, number))
    told = json.loads(karamail("report", "access", "2026-09", "--folder", str(folder), "--json").output)
    assert told["members"]["n1"]["missing"] == ["2026-09-03", "2026-09-04"]
    assert told["members"]["n2"]["missing"] == ["2026-09-20"]
    sheet = karamail("report", "access", "2026-09", "--folder", str(folder)).output
    assert "n1: 28日分、封印 0日分。欠けた日 3日、4日" in sheet
    assert "n2: 20日分(10日から)、封印 0日分。欠けた日 20日" in sheet
