"""What the guardian has typed so far, carried from page to page inside the form itself.

Owns reading it from a request, finding the class among those of the invitation, and the sentences for what
must be mended. Refuses rules of its own: a name is judged by `appliance.names`. Nothing is thrown away on an
error: the page comes back with what was typed.
"""

import unicodedata
from dataclasses import asdict, dataclass, replace

from flask import request
from flask_babel import gettext as _

from appliance import names
from appliance.errors import NameInvalid
from appliance.models import SchoolClass

_JOINERS = "\u200c\u200d"  # part of names in some scripts, though invisible


@dataclass(frozen=True, slots=True)
class Answers:
    """Three answers as typed; empty while not given."""

    school_class: str = ""
    child_name: str = ""
    guardian_name: str = ""

    @classmethod
    def read(cls) -> "Answers":
        """From the form; the class also from the address (`?school_class=`)."""
        return cls(
            school_class=request.values.get("school_class", ""),
            child_name=request.form.get("child_name", ""),
            guardian_name=request.form.get("guardian_name", ""),
        )

    def fields(self, *without: str) -> dict[str, str]:
        """Name and value of those that were given, for hidden fields."""
        return {name: value for name, value in asdict(self).items() if value and name not in without}

    @property
    def has_names(self) -> bool:
        """Has a name been typed already?"""
        return bool(self.child_name or self.guardian_name)

    def chosen(self, classes: list[SchoolClass]) -> SchoolClass | None:
        """The class that was chosen, if it is one of these."""
        return next((row for row in classes if str(row.id) == self.school_class), None)

    def faults(self, names_max: int) -> dict[str, str]:
        """Field → what its writer has to do, in the order of the page; empty when both names can be taken."""
        found = {}
        for field, text in (("child_name", self.child_name), ("guardian_name", self.guardian_name)):
            try:
                names.clean(text, field, names_max)
            except NameInvalid as refused:
                found[field] = sentence(refused, names_max)
        return found

    def visible(self) -> "Answers":
        """The same without characters that nobody sees, so that a second try can succeed."""
        return replace(self, child_name=_visible(self.child_name), guardian_name=_visible(self.guardian_name))


def _visible(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c)[0] != "C" or c in _JOINERS)


def class_sentence(*, gone: bool) -> str:
    """What to do when there is no class, or it vanished meanwhile."""
    if gone:
        return _("選んだ組は、いまはありません。もう一度選んでください。")
    return _("学年と組を選んでください。")


def sentence(refused: NameInvalid, names_max: int) -> str:
    """What to do about a name that was refused."""
    if refused.reason == "empty":
        if refused.field == "child_name":
            return _("お子さんの名前を書いてください。")
        return _("保護者の名前を書いてください。")
    if refused.reason == "too_long":
        return _("名前は%(count)s文字までです。短くしてください。", count=names_max)
    if refused.reason == "control":
        return _("目に見えない文字が入っていたので、取りのぞきました。名前を確かめてください。")
    return _("名前に使えない文字があります（@ / < > など）。名前だけを書いてください。")
