"""The words of the staff pages for what the domain names in code.

Owns the words for states, roles, categories, carriers and refusals, as template filters, and which of its two
names a school is shown by. Refuses layout. A
value without a word shows as it is, so that a new state is ugly rather than an error.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from flask_babel import gettext
from markupsafe import Markup, escape

from appliance.account.opening import Reason
from appliance.actor import Duty, Role
from appliance.address import Carrier
from appliance.broadcast import FindingKind
from appliance.broadcast.wording import TEST
from appliance.config import Zone
from appliance.evidence import Grade
from appliance.models import School
from appliance.states import AccountState, BroadcastState, DeliveryState, DeviceState
from web.common.language import SOURCE, current_language, later
from web.staff.desk import desk

BROADCAST_STATES = {
    BroadcastState.DRAFT: later("下書き"),
    BroadcastState.SUBMITTED: later("承認待ち"),
    BroadcastState.APPROVED: later("承認済み"),
    BroadcastState.SCHEDULED: later("予約"),
    BroadcastState.SENDING: later("配信中"),
    BroadcastState.FINISHED: later("配信完了"),
    BroadcastState.STOPPED: later("停止"),
    BroadcastState.REFUSED: later("差戻し"),
    BroadcastState.EXPIRED: later("期限切れ"),
}
_STATE_KINDS = {
    BroadcastState.SUBMITTED: "warning",
    BroadcastState.SENDING: "active",
    BroadcastState.FINISHED: "done",
    BroadcastState.STOPPED: "error",
    BroadcastState.REFUSED: "error",
}
DELIVERY_STATES = {
    DeliveryState.ACCEPTED: later("受理"),
    DeliveryState.SENDING: later("送信中"),
    DeliveryState.QUEUED: later("待ち"),
    DeliveryState.DEFERRED: later("再送待ち"),
    DeliveryState.FAILED: later("失敗"),
    DeliveryState.BOUNCED: later("不達"),
    DeliveryState.EXPIRED: later("期限切れ"),
    DeliveryState.SUPPRESSED: later("停止"),
}
GRADES = {
    Grade.A: later("30日以内に確認"),
    Grade.B: later("120日以内に確認"),
    Grade.C: later("受理だけ"),
    Grade.D: later("断られた"),
    Grade.E: later("返事なし"),
}
CATEGORIES = {
    "crime": (later("防犯"), later("不審者など")),
    "disaster": (later("防災"), later("地震、台風、大雨など")),
    "incident": (later("事件・事故"), later("通学路、施設など")),
    "event": (later("行事"), later("実施、中止、延期")),
    "other": (later("その他の急ぎの連絡"), later("下校時刻の変更、臨時休業など")),
    TEST: (later("配信テスト"), later("届くかどうかの確認")),
}
ROLES = {
    Role.WARD_OFFICER: later("区担当者"),
    Role.PRINCIPAL: later("園長・校長"),
    Role.STAFF: later("教職員"),
    Role.OPERATOR: later("受託事業者"),
    Role.AUDITOR: later("監査"),
}
CARRIERS = {
    Carrier.DOCOMO: "docomo",
    Carrier.AU: "au / UQ mobile",
    Carrier.SOFTBANK: "SoftBank / Y!mobile",
    Carrier.YAHOO_JP: later("Yahoo!メール"),
    Carrier.GOOGLE: "Gmail",
    Carrier.APPLE: "iCloud",
    Carrier.MICROSOFT: "Outlook / Hotmail",
    Carrier.OTHER: later("その他"),
}
KINDS = {
    "kindergarten": later("幼稚園"),
    "elementary": later("小学校"),
    "junior_high": later("中学校"),
    "special_needs": later("特別支援学校"),
}
FINDINGS = {
    FindingKind.PHONE: later("電話番号のような数字"),
    FindingKind.MAIL_ADDRESS: later("メールアドレス"),
    FindingKind.NAME: later("登録されている児童等の氏名"),
}
DEVICE_STATES = {
    DeviceState.REQUESTED: later("承認待ち"),
    DeviceState.APPROVED: later("承認済み、登録はまだ"),
    DeviceState.ACTIVE: later("使用中"),
    DeviceState.REFUSED: later("不承認"),
    DeviceState.REVOKED: later("停止"),
}
DEVICE_KINDS = {
    "own_phone": later("自分のスマートフォン"),
    "own_pc": later("自宅のパソコン"),
    "school": later("学校端末"),
}
SITES = {Zone.ADMIN: later("管理者サイト"), Zone.SENDER: later("送信専用サイト")}
ACCOUNT_STATES = {
    AccountState.INVITED: later("招待中"),
    AccountState.ACTIVE: later("使用中"),
    AccountState.SUSPENDED: later("停止中"),
    AccountState.ENDED: later("終了"),
}
_ACCOUNT_KINDS = {
    AccountState.INVITED: "warning",
    AccountState.ACTIVE: "done",
    AccountState.SUSPENDED: "error",
}
DUTIES = {Duty.MANAGER: later("管理者"), Duty.HANDLER: later("取扱者")}
VENDOR_DUTIES = {Duty.MANAGER: later("取扱責任者"), Duty.HANDLER: later("取扱者")}
REASONS = {
    Reason.GUARDIAN: later("保護者からの問合せに答えるため"),
    Reason.SCHOOL: later("学校からの依頼のため"),
    Reason.WARD: later("区からの依頼のため"),
    Reason.FAULT: later("不具合を調べるため"),
}
REFUSALS = {
    "ward_officer_decides": later("端末の届出は、区の担当者が承認します。"),
    "ward_officer_resets": later("なくした人の二つ目の確認は、区の担当者が取り消します。"),
    "not_ones_own": later("自分の二つ目の確認は、別の区の担当者に取り消してもらってください。"),
    "ward_decides": later("この操作は、区の担当者が行います。"),
    "another_decides": later("自分が届け出た人は、別の区担当者が承認します。"),
    "not_oneself": later("自分自身に対しては、この操作はできません。"),
    "not_active": later("停止中または終了した人には、招待を出せません。"),
    "other_role": later(
        "ほかの学校では、別の役割または区分の人です。その学校の登録を終えてから承認するか、別のIDで届け出てもらってください。"
    ),
    "approval_over": later("承認された年度が終わりました。使うのをやめて、もう一度届け出てください。"),
    "another_person": later(
        "このログインIDは、以前に別の氏名の人のものでした。記録が混ざらないように、別のIDで届け出てもらってください。"
    ),
    "one_role": later("区や受託事業者の人と学校の人は、同じIDを使えません。別のIDで届け出てください。"),
    "reason_needed": later("登録者を開くには、先に理由を記録してください。"),
    "principal_renews": later("学校IDを新しくするかどうかは、園長・校長が決めます。"),
    "principal_decides": later(
        "送るかどうかは、園長・校長が決めます。この学校では、教職員は申請までできます。"
    ),
    "not_with_this_role": later("この操作は、その学校の園長・校長または教職員が行います。"),
    "not_from_this_site": later("登録者の情報は、学校の端末から管理者サイトで扱います。"),
}


def _lookup(table: Mapping[str, str]) -> Callable[[str], str]:
    return lambda value: gettext(table[value]) if value in table else str(value)


def _state_kind(state: str) -> str:
    return _STATE_KINDS.get(BroadcastState(state), "")


def _category(value: str) -> str:
    return gettext(CATEGORIES[value][0]) if value in CATEGORIES else value


def school_name(school: School | None) -> str:
    """The name in the reader's language; the Japanese one where the school has no other. None is the ward."""
    if school is None:
        ward = desk().config.ward
        return ward.name if current_language() == SOURCE else ward.name_en
    return str(school.name if current_language() == SOURCE else school.name_en or school.name)


def breakable(address: str) -> Markup:
    """An address that a narrow screen breaks before its @, not somewhere in the domain."""
    return escape(address).replace("@", Markup("<wbr>@"))


def elapsed(began: datetime, ended: datetime) -> str:
    """The time between two moments: 45秒, 3分05秒, 2時間10分."""
    seconds = max(0, int((ended - began).total_seconds()))
    if seconds < 60:
        return gettext("%(s)s秒", s=seconds)
    if seconds < 3600:
        return gettext("%(m)s分%(s)s秒", m=seconds // 60, s=f"{seconds % 60:02}")
    return gettext("%(h)s時間%(m)s分", h=seconds // 3600, m=f"{seconds % 3600 // 60:02}")


FILTERS: dict[str, Callable[..., str]] = {
    "broadcast_state": _lookup(BROADCAST_STATES),
    "state_kind": _state_kind,
    "breakable": breakable,
    "elapsed": elapsed,
    "category": _category,
    "role": _lookup(ROLES),
    "device_state": _lookup(DEVICE_STATES),
    "device_kind": _lookup(DEVICE_KINDS),
    "site": _lookup(SITES),
    "account_state": _lookup(ACCOUNT_STATES),
    "account_kind": lambda state: _ACCOUNT_KINDS.get(AccountState(state), ""),
    "duty": _lookup(DUTIES),
    "vendor_duty": _lookup(VENDOR_DUTIES),
    "carrier": _lookup(CARRIERS),
    "school_kind": _lookup(KINDS),
    "school_name": school_name,
    "finding": _lookup(FINDINGS),
}
