"""電話連絡票: whom nobody at home was told of, for the telephone.

Owns the page, made to be printed, and the words for why a mail did not arrive. Names are opened through
`appliance.reach`, which records it. Refuses to say more than is known: a refusal of docomo and au may be a
filter. Fails into 404 for another school, 403 for a role that may not see names.
"""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock, reach
from appliance.delivery import Reason
from appliance.errors import NotAllowed, NotYours
from appliance.models import Broadcast, School
from appliance.reach import Contact
from appliance.states import DELIVERY_OPEN, DeliveryState
from web.common import page
from web.common.language import later
from web.common.numbers import COUNT_DIGITS, natural
from web.staff import actor, desk
from web.staff.words import DELIVERY_STATES

pages = Blueprint("call_sheet", __name__)
WHY = {
    Reason.UNKNOWN_USER: later("アドレスがなくなっています"),
    Reason.UNKNOWN_OR_FILTERED: later("受信拒否の設定か、アドレスの廃止"),
    Reason.MOVED: later("アドレスが変わっています"),
    Reason.SUSPENDED: later("アドレスが止められています"),
    Reason.UNKNOWN_DOMAIN: later("アドレスの「@」より後がありません"),
    Reason.MAILBOX_FULL: later("受信箱がいっぱいです"),
    Reason.REFUSED: later("相手のメール会社が断りました"),
    Reason.ADDRESS_SYNTAX: later("アドレスの形を相手が受け付けません"),
    Reason.NO_ROUTE: later("アドレスの「@」より後がありません"),
}


@pages.get("/broadcasts/<int:broadcast_id>/call-sheet")
def sheet(broadcast_id: int) -> ResponseReturnValue:
    """The children that were not reached, by class; opening it is recorded.

    Of a mail of the ward: the children of one's own school, `?school=` where there are two.
    """
    found = access.broadcast(actor(), broadcast_id)
    school = found.school or _own(found)
    access.require(access.may_open_names(actor(), school.id))
    lines = reach.call_sheet(actor(), desk().keyring, found, school.id) if found.started_at else []
    return page(
        "admin/call_sheet.html",
        broadcast=found,
        school=school,
        lines=lines,
        waiting=sum(contact.state in DELIVERY_OPEN for line in lines for contact in line.contacts),
        why=why,
        now=clock.now(),
    )


def _own(found: Broadcast) -> School:
    """Raises `NotAllowed`, `NotYours`."""
    own = access.own_schools_of(actor(), found)
    if not own:
        raise NotAllowed("not_with_this_role")
    asked = natural(request.args.get("school", str(own[0])), COUNT_DIGITS)
    if asked not in own:
        raise NotYours("school")
    return access.school(actor(), asked)


def why(contact: Contact) -> str:
    """What became of one mail, in words."""
    if contact.doubtful:
        return _("受理されても、いまは別の人のアドレスかもしれません")
    if contact.state in (DeliveryState.FAILED, DeliveryState.BOUNCED) and contact.reason in WHY:
        return _(WHY[contact.reason])
    return _(DELIVERY_STATES[contact.state])
