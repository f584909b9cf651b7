"""The operation record for ward officers and auditors: found, opened, taken along; each time recorded."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from peewee import fn

from appliance import audit, clock, db
from appliance.account import handover
from appliance.actor import Role
from appliance.errors import NotAllowed
from appliance.models import Account, Audit, AuditLeaf
from appliance.models.fields import micros
from appliance.record import merkle, seal, search, trust
from tests.web.staff.ward import Clerk, Ward
from web.admin.record_words import ACTS, OBJECTS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def day(ward: Ward, admin: Flask) -> Ward:
    """A teacher and a principal have worked; it is sealed."""
    for login_id, school in (("sensei", ward.school), ("encho", ward.other)):
        clerk = Clerk(admin)
        clerk.login(login_id)
        clerk.open(f"/schools/{school.id}/registrants")
    seal.seal(ward.config, trust.sealer(ward.config), clock.now())
    return ward


@pytest.fixture
def auditor(day: Ward, admin: Flask) -> Clerk:
    clerk = Clerk(admin)
    clerk.login("kansa")
    clerk.open("/records")
    return clerk


def rows(clerk: Clerk) -> list[str]:
    return clerk.page.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]


def last() -> Audit:
    return Audit.select().order_by(Audit.id.desc()).get()


def test_every_act_has_its_words() -> None:
    assert set(ACTS) == set(audit.Act)


def test_every_kind_of_object_that_is_recorded_has_its_word() -> None:
    rooms = (path for room in ("appliance", "cli", "web") for path in (ROOT / room).rglob("*.py"))
    kinds = {kind for path in rooms for kind in re.findall(r"\bAct\.[A-Z_]+,\s*\"(\w+)\"", path.read_text())}
    assert len(kinds) > 10
    assert kinds <= set(OBJECTS)


def test_an_auditor_sees_who_did_what_and_no_registrant(auditor: Clerk) -> None:
    assert "教諭 林 二葉" in auditor.page
    assert "登録者の一覧を開いた" in auditor.page
    assert "山田" not in auditor.page
    assert last().act == "records.read"


@pytest.mark.parametrize("login_id", ["kocho", "sensei"])
@pytest.mark.parametrize("path", ["/records", "/records/1", "/records/search", "/records/download"])
def test_people_of_schools_do_not_read_it(admin: Flask, day: Ward, login_id: str, path: str) -> None:
    clerk = Clerk(admin)
    clerk.login(login_id)
    assert "操作記録" not in clerk.page
    clerk.open(path)
    assert clerk.status == 403
    assert (last().act, last().result) == ("refused", "not_with_this_role")


def test_the_sender_site_has_no_record(sender: Flask, ward: Ward) -> None:
    assert not [rule for rule in sender.url_map.iter_rules() if "record" in rule.rule]


def test_it_is_searched_by_person_school_act_and_day(auditor: Clerk, ward: Ward) -> None:
    auditor.open("/records/search")
    auditor.send(person="Sensei", act="registrations.listed")
    assert (len(rows(auditor)), "教諭 林 二葉" in auditor.page) == (1, True)
    auditor.open("/records/search")
    auditor.send(school=str(ward.other.id))
    assert (len(rows(auditor)), "園長 谷 三和" in rows(auditor)[0]) == (1, True)
    today = clock.now().date()
    auditor.open(f"/records?from={today + timedelta(days=3)}")
    assert "この条件の記録はありません" in auditor.page
    auditor.open(f"/records?from={today - timedelta(days=3)}&until={today + timedelta(days=1)}")
    assert len(rows(auditor)) > 4


def test_what_cannot_be_searched_for_is_asked_again(auditor: Clerk) -> None:
    auditor.open("/records/search")
    auditor.send(**{"person": "dareka", "from": "4月8日"})
    assert auditor.status == 422
    assert "このIDのアカウントはありません。" in auditor.page
    assert "2026-04-08 の形" in auditor.page
    assert 'value="dareka"' in auditor.page


@pytest.mark.parametrize("query", ["account=x", "from=20261", "act=%00", "before=9-x", f"before={'9' * 18}-1",
                                   "school=99999", "until=9999-12-31", "until=0001-01-01"])  # fmt: skip
def test_an_address_that_was_tampered_with_shows_a_page_all_the_same(auditor: Clerk, query: str) -> None:
    auditor.open(f"/records?{query}")
    assert auditor.status == 200


def test_pages_go_by_the_last_row_and_miss_none(auditor: Clerk, ward: Ward) -> None:
    """Many records of one moment: the border of a page lies within it."""
    row = Audit.select().dicts().where(Audit.act == "registrations.listed").get()
    del row["id"]
    with db.transaction():
        Audit.insert_many([row | {"object_id": number} for number in range(1, 124)]).execute()
    auditor.open(f"/records?act=registrations.listed&account={row['account_id']}")
    seen: list[str] = []
    while True:
        seen += [part.split('href="')[1].split('"')[0] for part in rows(auditor)]
        if 'rel="next"' not in auditor.page:
            break
        address = auditor.page.split('" rel="next"')[0].rsplit('href="', 1)[1]
        auditor.open(address.replace("&amp;", "&"))
    assert len(seen) == len(set(seen)) == 124


def test_one_record_says_its_place_in_the_tree(auditor: Clerk) -> None:
    record = Audit.get(Audit.act == "registrations.listed")
    auditor.open(f"/records/{record.id}")
    place = AuditLeaf.get(AuditLeaf.audit_id == record.id).position
    assert f"{place + 1}番目に封印されています" in auditor.page
    auditor.open("/records/999999")
    assert auditor.status == 404


def test_a_spreadsheet_holds_the_records_and_no_formula(auditor: Clerk) -> None:
    Account.update(display_name="=HYPERLINK(1)").where(Account.login_id == "sensei").execute()
    auditor.open("/records/download?act=registrations.listed")
    auditor.send("/records/download?act=registrations.listed", form="csv")
    table = list(csv.reader(io.StringIO(auditor.page.removeprefix("\ufeff"))))
    assert table[0][:4] == ["番号", "日時", "ID", "氏名"]
    assert {row[3] for row in table[1:]} == {"'=HYPERLINK(1)", "園長 谷 三和"}
    assert (last().act, json.loads(last().detail)["form"]) == ("records.exported", "csv")


def test_no_name_is_a_formula_in_any_width(auditor: Clerk) -> None:
    for sign in "=+-@\t\r\n＝＋－＠":
        name = f'{sign}HYPERLINK("http://rinjin.example","校長")'
        Account.update(display_name=name).where(Account.login_id == "sensei").execute()
        auditor.open("/records/download?act=registrations.listed")
        auditor.send("/records/download?act=registrations.listed", form="csv")
        table = csv.reader(io.StringIO(auditor.page.removeprefix("\ufeff"), newline=""))
        assert f"'{name}" in {row[3] for row in table}, ascii(sign)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_breaks_off_where_its_reader_is_suspended(
    auditor: Clerk, ward: Ward, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of records are on their way, slowly; somebody notices."""
    monkeypatch.setattr(search, "_CHUNK", 2)
    auditor.open("/records/download")
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', auditor.page))
    response = auditor.client.post("/records/download", data=fields | {"form": form}, buffered=False)
    lines = iter(response.response)
    assert next(lines)
    assert next(lines)
    officer = ward.actor(Role.WARD_OFFICER, account_id=Account.get(Account.login_id == "kutan").id)
    handover.suspend(officer, Account.get(Account.login_id == "kansa"), clock.now())
    after: list[object] = []
    with pytest.raises(NotAllowed, match="session_over"):
        after.extend(lines)
    assert len(after) <= 2
    cut = last()
    assert (cut.act, cut.result, json.loads(cut.detail)["rows"]) == ("records.exported", "session_over", 2)


def test_json_lines_are_the_bytes_that_were_sealed(auditor: Clerk) -> None:
    auditor.open("/records/download")
    response = auditor.send("/records/download", form="jsonl")
    assert response.headers["Content-Disposition"].endswith('.jsonl"')
    hashes = {merkle.leaf_hash(line) for line in response.data.splitlines()}
    sealed = {bytes(row.hash) for row in AuditLeaf.select()}
    assert len(sealed) > 3
    assert sealed <= hashes


def write_as_no_program_does(at: int | None = None, many: int = 1, **other: object) -> None:
    """Whoever has taken over a site writes what he likes."""
    row = Audit.select().dicts().where(Audit.act == "registrations.listed").get() | other
    del row["id"]
    with db.transaction():
        Audit.insert_many([row] * many).execute()
        if at is not None:
            last = Audit.select(fn.MAX(Audit.id)).scalar()
            db.statement("UPDATE audit SET at = ? WHERE id > ?", at, last - many)


@pytest.mark.parametrize(
    "detail",
    ["not json", "[1]", "1", "null", "[" * 5000, '{"x": ' + "9" * 5000 + "}", '{"way": [1]}', '{"x": NaN}'],
    ids=lambda text: text[:9],
)
def test_a_detail_that_nobody_can_read_is_shown_and_exported_as_it_stands(
    auditor: Clerk, detail: str
) -> None:
    write_as_no_program_does(detail=detail)
    assert auditor.open(f"/records/{last().id}").status_code == 200
    auditor.open("/records/download")
    auditor.send("/records/download", form="csv")
    table = list(csv.reader(io.StringIO(auditor.page.removeprefix("\ufeff"))))
    assert len(table) == 1 + Audit.select().count(), "the file is whole"


def test_what_says_that_it_is_of_next_month_does_not_stand_before_what_came_after_it(
    auditor: Clerk,
) -> None:
    write_as_no_program_does(micros(clock.now() + timedelta(days=30)), many=60)
    auditor.open("/records")
    auditor.open("/records")
    assert "操作記録を見た" in rows(auditor)[0]


@pytest.mark.parametrize("query", ["", "?act=registrations.listed"], ids=["all", "a question"])
def test_records_of_no_time_are_exported_once_as_the_bytes_that_were_sealed(
    auditor: Clerk, ward: Ward, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(search, "_CHUNK", 2)
    for at in (-(2**63), 2**63 - 1):
        write_as_no_program_does(at, many=5)
    seal.seal(ward.config, trust.sealer(ward.config), clock.now())
    auditor.open(f"/records/download{query}")
    exported = auditor.send(f"/records/download{query}", form="jsonl").data.splitlines()
    assert len(exported) == len(set(exported))
    hashes = {merkle.leaf_hash(line) for line in exported}
    listed = Audit.select(Audit.id).where(Audit.act == "registrations.listed")
    assert {bytes(leaf.hash) for leaf in AuditLeaf.select().where(AuditLeaf.audit_id.in_(listed))} <= hashes


def test_pages_of_records_of_no_time_go_on(auditor: Clerk) -> None:
    write_as_no_program_does(-(2**63), many=120)
    auditor.open("/records?act=registrations.listed")
    pages = 1
    while 'rel="next"' in auditor.page:
        address = auditor.page.split('" rel="next"')[0].rsplit('href="', 1)[1]
        auditor.open(address.replace("&amp;", "&"))
        pages += 1
        assert pages < 9
    assert pages == 3


def test_without_a_form_no_file_leaves(auditor: Clerk) -> None:
    auditor.open("/records/download")
    auditor.send()
    assert auditor.status == 422
    assert last().act != "records.exported"
