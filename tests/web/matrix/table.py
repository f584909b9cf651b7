"""The access matrix: who gets to what, by site, role and school; nothing is open that does not stand here.

Each address of a staff site is asked by every role, once for its own school and once for another. `own` and
`other` have one character per role, in the order of `ROLES`: `+` let in (whatever the page then says), `-`
403, `0` 404. Whoever has not logged in is sent to the login (`>`) unless the row is `ANYONE`. All five people
of the test are assigned to the school, so that the role alone decides.

A new address fails the test until its row is here. Choose the row by who may do it, not by what the test
says.
"""

from dataclasses import dataclass

from appliance.actor import Role
from appliance.config import Zone

ROLES = (Role.WARD_OFFICER, Role.PRINCIPAL, Role.STAFF, Role.OPERATOR, Role.AUDITOR)


@dataclass(frozen=True)
class Row:
    """Outcomes by role; `nobody` is whoever has not logged in."""

    own: str
    other: str
    nobody: str = ">"


ANYONE = Row("+++++", "+++++", nobody="+")
OWN_ACCOUNT = Row("+++++", "+++++")
SEES = Row("++++0", "+00+0")  # counts, states and texts; ward officers and operators of all schools
HANDLES = Row("-++-0", "-00-0")  # opens or changes what belongs to registrants; writes
DECIDES = Row("-+--0", "-00-0")  # the principal
REGISTER = Row("++00+", "+000+")  # who manages and handles a school's ids
REPORTS = Row("++00-", "+000-")  # names, stops or ends people of a school
THE_WARD = Row("+-00-", "+000-")  # what only a ward officer does about them
VENDOR = Row("+--++", "+--++")
WHOLE_WARD = Row("+---+", "+---+")
WARD_OFFICER = Row("+----", "+----")
WRITES_SOMEWHERE = Row("+++--", "+++--")  # no school in the address
ABSENT = Row("00000", "00000", nobody="0")  # public; what is asked for is not there

NOT_THERE = Row("00000", "00000")  # one's own things alone; here they are somebody else's
WARD = Row("+----", "+----")

_BOTH = {
    "GET second_step.step": OWN_ACCOUNT,
    "POST second_step.step": OWN_ACCOUNT,
    "POST fresh.confirm": OWN_ACCOUNT,
    "GET places.account": OWN_ACCOUNT,
    "GET places.sessions": OWN_ACCOUNT,
    "POST places.end": NOT_THERE,
    "POST places.end_others": OWN_ACCOUNT,
    "GET factors.mine": OWN_ACCOUNT,
    "GET factors.first": OWN_ACCOUNT,
    "GET factors.add_passkey": OWN_ACCOUNT,
    "POST factors.add_passkey": OWN_ACCOUNT,
    "GET factors.add_totp": OWN_ACCOUNT,
    "POST factors.add_totp": OWN_ACCOUNT,
    "GET factors.name": NOT_THERE,
    "POST factors.name": NOT_THERE,
    "GET factors.remove": NOT_THERE,
    "POST factors.remove": NOT_THERE,
    "POST factors.codes": OWN_ACCOUNT,
    "GET devices.mine": OWN_ACCOUNT,
    "GET devices.ask": OWN_ACCOUNT,
    "POST devices.ask": OWN_ACCOUNT,
    "GET enrol.start": ANYONE,  # a device that nobody knows yet; these ask for a code and a login
    "POST enrol.begin": ANYONE,
    "GET enrol.key": ANYONE,
    "POST enrol.key": ANYONE,
    "GET healthz": ANYONE,
    "GET assets.static": ANYONE,
    "GET staff.file": ABSENT,
    "GET session.login": ANYONE,
    "POST session.enter": ANYONE,
    "POST session.logout": OWN_ACCOUNT,
    "POST session.resume": OWN_ACCOUNT,
    "GET home.home": OWN_ACCOUNT,
    "GET listing.broadcasts": SEES,
    "GET compose.school": WRITES_SOMEWHERE,
    "GET compose.begin": HANDLES,
    "POST compose.begin": HANDLES,
    "GET compose.kind": HANDLES,
    "POST compose.kind": HANDLES,
    "GET compose.audience": HANDLES,
    "POST compose.audience": HANDLES,
    "GET compose.text": HANDLES,
    "POST compose.text": HANDLES,
    "POST compose.again": HANDLES,
    "GET ward.broadcasts": Row("+--+-", "+--+-"),
    "GET ward.begin": WARD,
    "POST ward.begin": WARD,
    "GET ward.schools": Row("-00-0", "-00-0"),  # a school's mail has no schools to choose from
    "POST ward.schools": Row("-00-0", "-00-0"),
    "GET check.check": SEES,
    "POST check.decide": HANDLES,
    "GET check.refuse": SEES,
    "POST check.refuse": DECIDES,
    "GET status.status": SEES,
    "GET status.fragment": SEES,
    "GET status.stop": SEES,
    "POST status.stop": DECIDES,  # and ward officers, if whoever sent it is suspended
    "GET status.late": SEES,
    "POST status.late": DECIDES,
}

_DEVICE = (
    "GET devices.code", "POST devices.code", "GET devices.revoke", "POST devices.revoke",
    "GET devices.renew", "POST devices.renew",
)  # fmt: skip
"""Its holder, here the principal; on the administration site the ward officer too."""

STAFF_SITES: dict[Zone, dict[str, Row]] = {
    # Registered devices: nothing here touches a registrant.
    Zone.SENDER: _BOTH | dict.fromkeys(_DEVICE, Row("0+000", "00000")),
    # School devices and the ward office.
    Zone.ADMIN: _BOTH
    | dict.fromkeys(_DEVICE, Row("++000", "+0000"))
    | {
        "GET device_register.all": WARD,
        "GET device_register.renewals": WARD,
        "POST device_register.renewals": WARD,
        "GET device_register.decide": WARD,
        "POST device_register.decide": WARD,
        "GET lost_factors.people": WARD,
        "GET lost_factors.reset": WARD,
        "POST lost_factors.reset": WARD,
        "GET home.school": SEES,
        "GET registrants.of_school": HANDLES,
        "GET registrants.search": HANDLES,
        "POST registrants.search": HANDLES,
        "GET registrants.one": HANDLES,
        "GET registrants.removed": HANDLES,
        "GET corrections.names": HANDLES,
        "POST corrections.names": HANDLES,
        "GET corrections.school_class": HANDLES,
        "POST corrections.school_class": HANDLES,
        "GET corrections.remove": HANDLES,
        "POST corrections.remove": HANDLES,
        "POST corrections.vouch": HANDLES,
        "POST delivery_tests.begin": HANDLES,
        "POST delivery_tests.monthly": DECIDES,
        "GET classes.of_school": HANDLES,
        "POST classes.of_school": HANDLES,
        "GET classes.retire": HANDLES,
        "POST classes.retire": HANDLES,
        "GET handout.sheet": HANDLES,
        "GET handout.qr": HANDLES,
        "GET handout.renew": DECIDES,
        "POST handout.renew": DECIDES,
        "GET call_sheet.sheet": HANDLES,
        "GET evidence.of_school": SEES,
        "GET evidence.weak": HANDLES,
        "GET own_account.password": OWN_ACCOUNT,
        "POST own_account.password": OWN_ACCOUNT,
        "GET notices.mine": OWN_ACCOUNT,
        "POST notices.mine": OWN_ACCOUNT,
        "POST notices.end": OWN_ACCOUNT,
        "GET training.rules": OWN_ACCOUNT,
        "POST training.rules": OWN_ACCOUNT,
        "GET registers.ward": Row("++-++", "++-++"),
        "GET registers.of_school": REGISTER,
        "GET registers.of_vendor": VENDOR,
        "GET registers.untrained": WHOLE_WARD,
        "GET records.latest": WHOLE_WARD,
        "GET records.find": WHOLE_WARD,
        "POST records.find": WHOLE_WARD,
        "GET records.one": WHOLE_WARD,
        "GET records.download": WHOLE_WARD,
        "POST records.download": WHOLE_WARD,
        "GET people.of_school": REGISTER,
        "GET people.vendor": VENDOR,
        "GET people.office": WHOLE_WARD,
        "GET people.report_for_school": REPORTS,
        "POST people.report_for_school": REPORTS,
        "GET people.report_for_vendor": WARD_OFFICER,  # and the vendor's responsible person, who is not here
        "POST people.report_for_vendor": WARD_OFFICER,
        "GET people.report_for_office": WARD_OFFICER,
        "POST people.report_for_office": WARD_OFFICER,
        "GET reports.one": Row("+0000", "+0000"),
        "POST reports.one": Row("+0000", "+0000"),
        "GET person.one": REGISTER,
        "GET person.invite": THE_WARD,  # the account has a password; a lost one is the ward's business
        "POST person.invite": THE_WARD,
        "GET person.log_out": REPORTS,
        "POST person.log_out": REPORTS,
        "GET person.suspend": REPORTS,
        "POST person.suspend": REPORTS,
        "POST person.resume": THE_WARD,
        "GET person.retire": REPORTS,
        "POST person.retire": REPORTS,
        "GET handover.of_school": REPORTS,
        "POST handover.of_school": REPORTS,
        "GET reason.ask": Row("---+0", "-00+0"),  # an operator, before names are opened
        "POST reason.ask": Row("---+0", "-00+0"),
        "GET invitation.accept": ANYONE,  # the link is the key; this one was never sent
        "POST invitation.accept": ANYONE,
    },
}

LINKS = ("open", "used", "expired", "unknown")
"""Who stands before the guardian site holds one of these links; it knows no accounts."""

_WITH_THE_LINK = "+xx0"
GUARDIAN_SITE: dict[str, str] = {
    # One character per link: `+` a page, or the way to one; `x` 410, the link is over; `0` 404.
    "GET healthz": "++++",
    "GET assets.static": "++++",
    "GET home": "++++",
    "GET form.purpose": _WITH_THE_LINK,
    "GET form.school_class": _WITH_THE_LINK,
    "POST form.school_class": _WITH_THE_LINK,
    "GET form.names": _WITH_THE_LINK,
    "POST form.names": _WITH_THE_LINK,
    "GET form.check_again": "++++",  # always back to the link's first page, unseen
    "POST form.check": _WITH_THE_LINK,
    "POST form.register": "++x0",  # a second press leads to the same last page
    "GET form.done": "++x0",
    "GET confirmation.ask": "0000",  # links of another kind: tests/web/guardian/test_confirmation.py
    "POST confirmation.confirm": "0000",
    "GET routine.ask": "0000",  # links of another kind: tests/web/guardian/test_routine.py
    "POST routine.switch": "0000",
}
