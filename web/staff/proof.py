"""What a form carries to prove who is there: fields named `proof.…`, beside what the form was about.

Owns the fields' names, the template's values and the words for each refusal. Refuses to check anything
(`appliance.account.second_step` does). Cannot fail.
"""

from collections.abc import Mapping

from flask import request
from flask_babel import gettext as _

from appliance import clock
from appliance.account import passkey, second_step
from appliance.account.person import Person
from appliance.account.second_step import Proof
from appliance.errors import FactorRefused
from web.common.language import later
from web.staff.desk import desk

PREFIX = "proof."
_LONGEST = 20_000
_WORDS = {
    "passkey": later("パスキーで確認できませんでした。もう一度試してください。"),
    "code": later("コードが違います。アプリに出ている新しいコードを入力してください。"),
    "replayed": later("そのコードはもう使われました。次のコードが出るまで待って、入力してください。"),
    "password": later("パスワードが違います。"),
    "known": later("このパスキーは、もう登録されています。"),
    "synced": later("この端末の鍵は、ほかの端末と共有されるため、使えません。区の担当者に相談してください。"),
    "too_many": later("登録できる数を超えています。使わないものを消してください。"),
}


def sent() -> Proof | None:
    """What the form carries, if anything."""
    for way in ("passkey", "code", "recovery", "password"):
        text = request.form.get(f"{PREFIX}{way}", "")
        if text:
            return Proof(way, text[:_LONGEST])
    return None


def fields(who: Person) -> dict[str, object]:
    """What `staff/proof.html` needs; asks a new challenge where a passkey may answer."""
    ways = second_step.ways(desk().config, who)
    options = passkey.ask(desk().config, who, clock.now()) if "passkey" in ways else None
    return {"ways": ways, "passkey_options": options}


def without(form: Mapping[str, str]) -> dict[str, str]:
    """The form without any proof and without the form's own proof: what may be carried on."""
    return {
        name: value for name, value in form.items() if name != "csrf_token" and not name.startswith(PREFIX)
    }


def errors(refused: FactorRefused) -> dict[str, str]:
    """The sentence, at the field it belongs to."""
    if refused.wait_s:
        minutes = -(-refused.wait_s // 60)
        return {
            "proof": _(
                "間違いが続いたため、%(minutes)s分ほど待ってから、もう一度入力してください。", minutes=minutes
            )
        }
    return {"proof": _(_WORDS.get(refused.reason, _WORDS["passkey"]))}
