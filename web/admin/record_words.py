"""The words of the operation record for people: what was done, to what, where, and with what result.

Owns these words. Refuses layout. A value without a word shows as it is, so that a new act is ugly rather
than an error; a test holds that every act has one.
"""

import json

from flask_babel import format_datetime
from flask_babel import gettext as _

from appliance.audit import Act
from appliance.models import Audit
from web.admin.lost_factors import REASONS as LOSSES
from web.common.language import later
from web.staff.words import REASONS, REFUSALS

ACTS = {
    Act.LOGIN: later("ログインした"),
    Act.LOGOUT: later("ログアウトした"),
    Act.LOGIN_REFUSED: later("ログインできなかった"),
    Act.LOGIN_BEGUN: later("ログインの一つ目(パスワード)を終えた"),
    Act.SESSION_ENDED: later("自分のほかのログインを終えた"),
    Act.CONFIRMED: later("本人であることをもう一度確かめた"),
    Act.FACTOR_REFUSED: later("二つ目の確認ができなかった"),
    Act.FACTOR_ADDED: later("二つ目の確認を加えた"),
    Act.FACTOR_NAMED: later("二つ目の確認の名前を変えた"),
    Act.FACTOR_REMOVED: later("二つ目の確認を消した"),
    Act.NOTICES_ASKED: later("お知らせ先を決めはじめた"),
    Act.NOTICES_SET: later("お知らせ先を決めた"),
    Act.NOTICES_ENDED: later("お知らせをやめた"),
    Act.FACTORS_RESET: later("ほかの人の二つ目の確認を取り消した"),
    Act.RECOVERY_CODES_MADE: later("予備のコードを作った"),
    Act.RECOVERY_CODE_USED: later("予備のコードを使った"),
    Act.DEVICE_REQUESTED: later("端末を届け出た"),
    Act.DEVICE_APPROVED: later("届け出られた端末を承認した"),
    Act.DEVICE_REFUSED: later("届け出られた端末を承認しなかった"),
    Act.DEVICE_CODE_MADE: later("端末の登録コードを出した"),
    Act.DEVICE_ENROLLED: later("端末を登録した"),
    Act.DEVICE_REVOKED: later("端末を止めた"),
    Act.DEVICE_RENEWAL_ASKED: later("端末を次の年度も使うと届け出た"),
    Act.DEVICE_RENEWED: later("端末を次の年度も使えるようにした"),
    Act.DEVICE_RENEWAL_REFUSED: later("端末を次の年度も使う届出を承認しなかった"),
    Act.PASSWORD_CHANGED: later("パスワードを変えた"),
    Act.ACCOUNT_ADDED: later("アカウントを加えた"),
    Act.ACCOUNT_LOGGED_OUT: later("ほかの人のログインをすべて終えた"),
    Act.ACCOUNT_SUSPENDED: later("アカウントを止めた"),
    Act.ACCOUNT_RESUMED: later("止めたアカウントを、また使えるようにした"),
    Act.ACCOUNT_MOVED: later("人を別の学校へ移した"),
    Act.ACCOUNT_ENDED: later("アカウントを終えた"),
    Act.PERSON_REPORTED: later("使う人を届け出た"),
    Act.PERSON_APPROVED: later("届け出られた人を承認した"),
    Act.PERSON_REFUSED: later("届け出られた人を承認しなかった"),
    Act.INVITATION_ISSUED: later("招待の紙を出した"),
    Act.INVITATION_USED: later("招待からパスワードを決めた"),
    Act.REGISTER_PRINTED: later("届出簿を開いた"),
    Act.TRAINING_ACKNOWLEDGED: later("年度の研修を確認した"),
    Act.REGISTRANTS_REQUESTED: later("登録者を開く理由を書いた"),
    Act.REGISTRATIONS_LISTED: later("登録者の一覧を開いた(氏名・アドレス)"),
    Act.REGISTRATION_OPENED: later("登録者を開いた(氏名・アドレス)"),
    Act.REGISTRATION_CORRECTED: later("登録者の氏名を直した"),
    Act.CHILD_MOVED: later("児童等の学級を移した"),
    Act.REGISTRATION_REMOVED: later("登録者を消した"),
    Act.CODE_RENEWED: later("学校IDを新しくした"),
    Act.HANDOUT_PRINTED: later("登録案内を開いた"),
    Act.CLASS_ADDED: later("学級を加えた"),
    Act.CLASS_RETIRED: later("学級をなくした"),
    Act.BROADCAST_DRAFTED: later("メールの下書きを始めた"),
    Act.BROADCAST_REVISED: later("メールの下書きを直した"),
    Act.BROADCAST_SUBMITTED: later("メールの承認を申請した"),
    Act.BROADCAST_APPROVED: later("メールを承認した"),
    Act.BROADCAST_REFUSED: later("メールを差し戻した"),
    Act.BROADCAST_SENT: later("メールを送った"),
    Act.BROADCAST_SENT_LATE: later("送り残したメールを送った"),
    Act.BROADCAST_STOPPED: later("メールを止めた"),
    Act.TESTS_SWITCHED: later("毎月の配信テストを始めたか、やめた"),
    Act.ADDRESS_VOUCHED: later("保護者のアドレスだと確かめた"),
    Act.CALL_SHEET_OPENED: later("電話連絡票を開いた(氏名)"),
    Act.EVIDENCE_OPENED: later("確かでない宛先の一覧を開いた(氏名・アドレス)"),
    Act.RECORDS_READ: later("操作記録を見た"),
    Act.RECORDS_EXPORTED: later("操作記録を書き出した"),
    Act.RIGHTS_GIVEN: later("データベースの権限を定めた"),
    Act.SECRETS_CREATED: later("鍵を作った"),
    Act.SECRETS_EXCHANGED: later("すべての鍵を取り替えた"),
    Act.SIGNING_KEYS_MADE: later("メールの署名鍵を作った"),
    Act.SIGNING_KEYS_ACTIVATED: later("新しい署名鍵を使いはじめた"),
    Act.SIGNING_KEYS_RETIRED: later("古い署名鍵を消した"),
    Act.CODE_PAUSED: later("学校IDの受付をしばらく止めた"),
    Act.CODE_RESUMED: later("止めた学校IDの受付を再開した"),
    Act.RECORDS_EXPIRED: later("期間を過ぎた操作記録を消した"),
    Act.RECORD_EXAMINED: later("日時のおかしい操作記録を調べた"),
    Act.COSIGNATURES_DISCARDED: later("立会いの署名でない行を除いた"),
    Act.REFUSED: later("認められていない操作をしようとした"),
}
OBJECTS = {
    "account": later("アカウント"),
    "session": later("ログイン(一回分)"),
    "factor": later("二つ目の確認"),
    "device": later("端末"),
    "school": later("学校"),
    "school_class": later("学級"),
    "registration": later("登録"),
    "child": later("児童等"),
    "security_code": later("学校ID"),
    "broadcast": later("メール"),
    "record": later("操作記録"),
    "person_report": later("人の届出"),
    "opening": later("登録者を開く理由"),
    "vendor": later("受託事業者"),
    "secrets": later("鍵"),
    "signing_keys": later("メールの署名鍵"),
    "database": later("データベース"),
    "position": later("操作記録の位置"),
}
ZONES = {
    "admin": later("管理者サイト"),
    "sender": later("送信専用サイト"),
    "cli": later("サーバー"),
}
RESULTS = {
    "ok": later("できた"),
    "wrong": later("IDまたはパスワードの間違い"),
    "suspended": later("止められているアカウント"),
    "throttled": later("間違いが続いたため、しばらく受け付けない"),
    "not_your_device": later("ほかの人の端末"),
    "session_over": later("途中でログインが終わったため、そこで止めた"),
    "other_school": later("ほかの学校のネットワーク"),
    "passkey": later("パスキーで確認できなかった"),
    "code": later("コードの間違い"),
    "replayed": later("使われたコード"),
    "password": later("パスワードの間違い"),
    "not_yours": later("ないか、この人のものではない"),
}


DETAILS = {
    "opened": later("開いた件数"),
    "page": later("ページ"),
    "school_class": later("学級"),
    "by": later("探し方"),
    "reference": later("受付番号"),
    "addresses": later("宛先の数"),
    "schools": later("送った学校の数"),
    "stopped": later("止めた件数"),
    "merged": later("ひとつにまとめた数"),
    "before": later("移す前の学級"),
    "after": later("移した後の学級"),
    "addresses_erased": later("消したアドレスの数"),
    "rows": later("表示した件数"),
    "form": later("ファイルの形"),
    "on": later("始めたか"),
    "days": later("保存する日数"),
    "account": later("人の番号"),
    "school": later("学校の番号"),
    "of": later("操作"),
    "from": later("この日から"),
    "until": later("この日まで"),
    "to": later("この位置まで"),
    "kind": later("種類"),
    "way": later("確かめ方"),
    "synced": later("同期される鍵か"),
    "sessions": later("終えたログインの数"),
    "factors": later("取り消した数"),
    "codes_left": later("残りの予備のコード"),
    "values": later("封をし直した件数"),
    "keys": later("鍵の数"),
    "roles": later("作った役割の数"),
    "minutes": later("時間(分)"),
}
VALUES = {
    "passkey": later("パスキー"),
    "totp": later("認証アプリ"),
    "code": later("認証アプリ"),
    "recovery": later("予備のコード"),
    "password": later("パスワード"),
    "enrolled": later("新しく加えた"),
    "own_phone": later("自分のスマートフォン"),
    "own_pc": later("自宅のパソコン"),
    "school": later("学校端末"),
}
"""Of `way` and `kind`."""


def act(value: str) -> str:
    """What was done."""
    return _(ACTS[Act(value)]) if value in set(Act) and Act(value) in ACTS else value


def thing(row: Audit) -> str:
    """To what, by its number: no record holds a name."""
    if row.act == Act.REFUSED:
        kind = _("ページ(%(view)s)", view=row.object_kind)
    else:
        kind = _(OBJECTS[row.object_kind]) if row.object_kind in OBJECTS else str(row.object_kind)
    return kind if row.object_id is None else f"{kind} {row.object_id}"


def place(value: str) -> str:
    """From which site."""
    return _(ZONES[value]) if value in ZONES else value


def result(value: str) -> str:
    """What came of it."""
    words = RESULTS.get(value) or REFUSALS.get(value)
    return _(words) if words else value


def reason(value: str) -> str:
    """Why, where a reason is chosen from a list; else as it was written."""
    return {str(key): _(words) for key, words in (*REASONS.items(), *LOSSES.items())}.get(value, value)


def details(row: Audit) -> str:
    """Counts, ids and closed words, as they were kept; what no program of ours wrote as it stands there."""
    try:
        kept = json.loads(row.detail)
        return " · ".join(
            f"{_(DETAILS[name]) if name in DETAILS else name}: {_value(name, value)}"
            for name, value in kept.items()
            if value is not None
        )
    except (ValueError, RecursionError, AttributeError):
        return str(row.detail)


def _value(name: str, value: object) -> object:
    known = name in ("way", "kind") and isinstance(value, str) and value in VALUES
    return _(VALUES[str(value)]) if known else value


def second(row: Audit) -> str:
    """When, to the second, in the ward's time."""
    return str(format_datetime(row.at, "y/MM/dd HH:mm:ss"))
