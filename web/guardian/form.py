"""The pages of the form: purpose → class → names → check → done (R05, R06).

Owns their order and what each passes to the next. A GET only shows: scanners open links too. Only the POST
to `done` registers. What was typed travels in the form, never in an address or a cookie. Names and addresses
that are stored are never shown: this zone could not open them. Fails into the pages of `refusals`.
"""

from itertools import groupby

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import clock, registration
from appliance.errors import ClassGone, NameInvalid, TokenUsed
from appliance.models import SchoolClass
from appliance.registration import Invitation
from web.common import page, public
from web.common.language import SOURCE, current_language
from web.common.numbers import natural
from web.guardian.answers import Answers, class_sentence, sentence
from web.guardian.desk import desk
from web.guardian.refusals import done_page

pages = Blueprint("form", __name__, url_prefix="/r/<token>", template_folder="templates")


@pages.get("", strict_slashes=False)
@public
def purpose(token: str) -> ResponseReturnValue:
    """What the names are for, before any is asked for."""
    return page("guardian/purpose.html", token=token, **_school(_look(token)))


@pages.route("/class", methods=["GET", "POST"])
@public
def school_class(token: str) -> ResponseReturnValue:
    """Grade and class."""
    return _class_page(token, _look(token), Answers.read())


@pages.route("/names", methods=["GET", "POST"])
@public
def names(token: str) -> ResponseReturnValue:
    """The two names."""
    invitation, answers = _look(token), Answers.read()
    if answers.chosen(invitation.classes) is None:
        return _class_page(token, invitation, answers, unanswered=True)
    return _names_page(token, invitation, answers)


@pages.get("/check")
@public
def check_again(token: str) -> ResponseReturnValue:
    """Somebody came back by the address alone: what was typed is gone, the link is not."""
    return redirect(url_for(".purpose", token=token), 303)


@pages.post("/check")
@public
def check(token: str) -> ResponseReturnValue:
    """Everything once more, before it counts."""
    invitation, answers = _look(token), Answers.read()
    chosen = answers.chosen(invitation.classes)
    if chosen is None:
        return _class_page(token, invitation, answers, unanswered=True)
    errors = answers.faults(desk().names_max)
    if errors:
        return _names_page(token, invitation, answers, errors)
    return page(
        "guardian/check.html",
        token=token,
        answers=answers,
        class_name=class_name(chosen),
        kept=answers.fields(),
        **_school(invitation),
    )


@pages.post("/done")
@public
def register(token: str) -> ResponseReturnValue:
    """Registers. Pressed twice, the second finds the work done and says so."""
    answers = Answers.read()
    try:
        registration.confirm(
            desk().keyring,
            token,
            school_class_id=_number(answers.school_class),
            child_name=answers.child_name,
            guardian_name=answers.guardian_name,
            now=clock.now(),
            names_max=desk().names_max,
            language=_chosen_language(),
        )
    except TokenUsed:
        return redirect(url_for(".done", token=token, again=1), 303)
    except ClassGone:
        return _class_page(token, _look(token), answers, unanswered=True)
    except NameInvalid as refused:
        errors = {refused.field: sentence(refused, desk().names_max)}
        return _names_page(token, _look(token), answers, errors)
    return redirect(url_for(".done", token=token), 303)


@pages.get("/done")
@public
def done(token: str) -> ResponseReturnValue:
    """The end; it may be reloaded."""
    try:
        _look(token)
    except TokenUsed:
        return done_page()
    return redirect(url_for(".purpose", token=token), 303)


def _look(token: str) -> Invitation:
    return registration.look(token, clock.now())


def _chosen_language() -> str | None:
    """For letters from now on; Japanese counts only if it was asked for: it is what nobody chose."""
    language = current_language()
    return language if language != SOURCE or request.args.get("lang") == SOURCE else None


def _number(text: str) -> int:
    """A class id; what cannot be one is an id that no class has."""
    return natural(text) or 0


def _school(invitation: Invitation) -> dict[str, object]:
    name = invitation.school_name if current_language() == "ja" else invitation.school_name_en
    return {"school_name": name or invitation.school_name, "expires_at": invitation.expires_at}


def class_name(row: SchoolClass) -> str:
    """Grade and class in one line."""
    return f"{row.grade} {row.label}".strip()


def _class_page(
    token: str, invitation: Invitation, answers: Answers, *, unanswered: bool = False
) -> ResponseReturnValue:
    chosen = answers.chosen(invitation.classes)
    gone = bool(answers.school_class) and chosen is None
    groups = [
        (grade, [(row.id, row.label or row.grade) for row in rows])
        for grade, rows in groupby(invitation.classes, key=lambda row: row.grade)
    ]
    return page(
        "guardian/class.html",
        errors={"school_class": class_sentence(gone=gone)} if unanswered or gone else None,
        token=token,
        groups=groups,
        answers=answers,
        kept=answers.fields() if answers.has_names else {},
        **_school(invitation),
    )


def _names_page(
    token: str, invitation: Invitation, answers: Answers, errors: dict[str, str] | None = None
) -> ResponseReturnValue:
    chosen = answers.chosen(invitation.classes)
    if chosen is None:
        return _class_page(token, invitation, answers, unanswered=True)
    if errors:
        answers = answers.visible()
    return page(
        "guardian/names.html",
        errors=errors,
        token=token,
        answers=answers,
        class_name=class_name(chosen),
        kept=answers.fields() if answers.has_names else {},
        **_school(invitation),
    )
