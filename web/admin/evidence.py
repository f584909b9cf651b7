"""宛先の確かさ: how much is known of the addresses of a school, and which families to ask for another one.

Owns the page of counts, which opens nothing, the list of weak addresses, which opens names and addresses
through `appliance.evidence` and is recorded there, and the words for the grades. Refuses to call an address
dead: a refusal may be a filter. Fails into 404 for another school, 403 for a role that may not see names.
"""

import secrets

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock, evidence
from appliance.directory import counts
from appliance.doubt import Doubt
from appliance.evidence import Grade, Weak
from web.admin.call_sheet import WHY
from web.common import page
from web.common.language import later
from web.staff import actor, desk
from web.staff.words import GRADES

pages = Blueprint("evidence", __name__)
LONG = {
    Grade.A: later("30日以内に、保護者が登録したか、メールで確認しました。"),
    Grade.B: later("120日以内に、保護者が登録したか、メールで確認しました。"),
    Grade.C: later("メール会社は受理しています。保護者からの返信は、最近ありません。"),
    Grade.D: later(
        "いちばん最近のメールが断られました。受信拒否の設定か、アドレスの廃止が考えられます。"
        "長く断られていた宛先は、また受理されても、確かめるまでここに数えます。"
    ),
    Grade.E: later("メール会社が受理したことも、断ったことも、まだありません。"),
}
DOUBTS = {
    Doubt.REFUSED: later("長く断られていました。いまは別の人のアドレスかもしれません"),
    Doubt.SILENT: later("長くメールが届いていません。いまは別の人のアドレスかもしれません"),
    Doubt.DISOWNED: later("このアドレスの人から、保護者ではないと返信がありました"),
}


@pages.get("/schools/<int:school_id>/evidence")
def of_school(school_id: int) -> ResponseReturnValue:
    """How many addresses of each grade, by class and in all."""
    found = access.school(actor(), school_id)
    grades = evidence.counts(school_id, clock.now())
    return page(
        "admin/evidence.html",
        school=found,
        classes=counts.by_class(school_id),
        grades=grades,
        short={grade: _(GRADES[grade]) for grade in Grade},
        long={grade: _(LONG[grade]) for grade in Grade},
        weak=sum(grades.school[grade] for grade in evidence.WEAK),
        may_open=access.may_open_names(actor(), school_id) is None,
        may_test=access.may_write(actor(), school_id) is None,
        may_switch=access.may_send(actor(), found) is None,
        test_day=desk().config.broadcast.test_day,
        test_hour=desk().config.broadcast.test_hour,
        once=secrets.token_hex(8),
    )


@pages.get("/schools/<int:school_id>/evidence/weak")
def weak(school_id: int) -> ResponseReturnValue:
    """Whom to ask for another address; opening it is recorded."""
    found = access.school(actor(), school_id)
    rows = evidence.weak(actor(), desk().keyring, school_id, clock.now())
    return page("admin/weak.html", school=found, rows=rows, why=why)


def why(row: Weak) -> str:
    """What is known of the address, in words."""
    if row.doubt is not Doubt.NONE:
        return _(DOUBTS[row.doubt])
    return _(WHY[row.reason]) if row.reason in WHY else _(GRADES[row.grade])
