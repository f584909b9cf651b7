"""`karamail report`: sheets for the ward (R29).

Owns the form of the monthly access sheet. Takes its figures from the operation record and from the logs of
all members. Refuses names of registrants and addresses of families: counts, and operators. Fails with the
database's sentences and as the disk does.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import click
from peewee import fn

from appliance import clock
from appliance.audit import Act
from appliance.models import Audit
from cli.context import Context, pass_context
from cli.logs import reading, seals
from cli.logs.reading import Month

_OPENED = {
    Act.REGISTRATIONS_LISTED: "登録者の一覧を開いた",
    Act.REGISTRATION_OPENED: "登録者ひとりを開いた",
    Act.REGISTRATION_CORRECTED: "登録を直した",
    Act.REGISTRATION_REMOVED: "登録を消した",
    Act.CALL_SHEET_OPENED: "電話連絡票を開いた",
    Act.EVIDENCE_OPENED: "届いた証拠を開いた",
    Act.REGISTRANTS_REQUESTED: "運用者が理由を記して登録者を開いた",
    Act.REGISTER_PRINTED: "届出簿を開いた",
    Act.RECORDS_READ: "操作記録を開いた",
    Act.RECORDS_EXPORTED: "操作記録を書き出した",
}
_LOGINS = {
    Act.LOGIN: "ログインした",
    Act.LOGIN_REFUSED: "ログインできなかった",
    Act.FACTOR_REFUSED: "二つ目の確認ができなかった",
    Act.REFUSED: "権限のない操作を断った",
}


@click.group()
def report() -> None:
    """Sheets for the ward."""


@report.command()
@click.argument("month", metavar="YYYY-MM")
@click.option(
    "--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=seals.FOLDER,
    show_default=True, help="Where the logs of all members are.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_context
def access(context: Context, month: str, folder: Path, as_json: bool) -> None:
    """The monthly sheet: who opened what, who came to the sites and to the nodes, what is missing."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise click.BadParameter("expected a month such as 2026-11", param_hint="YYYY-MM") from None
    context.connect()
    found = reading.month(folder, first)
    acts = _acts(found)
    if as_json:
        click.echo(json.dumps(_figures(acts, found), ensure_ascii=False))
    else:
        click.echo("\n".join(_sheet(acts, found)))


def _acts(found: Month) -> Counter[str]:
    """Records of the month, in this machine's time zone, by act."""
    start, end = _midnight(found.first), _midnight(found.end)
    rows = (
        Audit.select(Audit.act, fn.COUNT(Audit.id))
        .where(Audit.at >= start, Audit.at < end)
        .group_by(Audit.act)
        .tuples()
    )
    return Counter(dict(rows))


def _sheet(acts: Counter[str], found: Month) -> Iterator[str]:
    yield f"アクセス記録 月次報告  {found.first.year}年{found.first.month}月"
    yield f"作成 {clock.now().astimezone():%Y-%m-%d %H:%M}"
    for number, (title, kinds) in enumerate(
        (("個人情報と記録を開いた操作", _OPENED), ("職員のログイン", _LOGINS)), 1
    ):
        yield f"\n{number} {title}(操作記録より、件)"
        yield from (f"  {acts[act]:>8}  {word}" for act, word in kinds.items())
    yield "\n3 サイトへの接続(件)"
    yield "      全部    断った  処理できず  接続元  サイト"
    for name, site in sorted(found.sites.items()):
        yield f"  {site.requests:>8}  {site.refused:>8}  {site.failed:>10}  {len(site.addresses):>6}  {name}"
    yield "\n4 サーバーの運用者(回)"
    for (who, address), count in sorted(found.entered.items()):
        yield f"  {count:>8}  {who} が {address} から入った"
    for who, count in sorted(found.as_root.items()):
        yield f"  {count:>8}  {who} が管理者権限を使った"
    yield f"  {found.turned_away:>8}  断った接続"
    yield "\n5 通信の遮断(記録された件数)"
    yield f"  {found.dropped['in']:>8}  外から\n  {found.dropped['out']:>8}  中から外へ"
    yield "\n6 記録がそろっているか"
    for member, (there, sealed, missing) in _complete(found).items():
        gaps = "欠けた日はない" if not missing else "欠けた日 " + "、".join(f"{day.day}日" for day in missing)
        began = f"({found.began[member].day}日から)" if found.began[member] > found.first else ""
        yield f"  {member}: {there}日分{began}、封印 {sealed}日分。{gaps}"


def _figures(acts: Counter[str], found: Month) -> dict[str, object]:
    return {
        "month": f"{found.first:%Y-%m}",
        "acts": {act: acts[act] for act in (*_OPENED, *_LOGINS)},
        "sites": {
            name: {"requests": site.requests, "refused": site.refused, "failed": site.failed,
                   "addresses": len(site.addresses)}
            for name, site in sorted(found.sites.items())
        },
        "entered": [
            {"who": who, "from": at, "times": count} for (who, at), count in sorted(found.entered.items())
        ],
        "turned_away": found.turned_away,
        "as_root": dict(sorted(found.as_root.items())),
        "dropped": {way: found.dropped[way] for way in ("in", "out")},
        "members": {
            member: {"days": there, "sealed": sealed, "missing": [day.isoformat() for day in missing]}
            for member, (there, sealed, missing) in _complete(found).items()
        },
    }  # fmt: skip


def _complete(found: Month) -> dict[str, tuple[int, int, list[date]]]:
    """Of each member: days with a file, sealed days, and days without one from its first day until today."""
    end = min(found.end, clock.now().astimezone().date() + timedelta(days=1))
    wanted = [found.first + timedelta(days=n) for n in range((end - found.first).days)]
    return {
        member: (
            len(there),
            len(found.sealed.get(member, ())),
            [day for day in wanted if day >= found.began[member] and day not in there],
        )
        for member, there in sorted(found.days.items())
    }


def _midnight(day: date) -> datetime:
    """Its beginning, in this machine's time zone."""
    return datetime.combine(day, time.min).astimezone()
