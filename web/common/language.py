"""The reader's language, and times and numbers as the reader writes them.

Owns the choice: `?lang=` in the address, then what this session chose, then the browser's list, then
Japanese. Source texts are Japanese; the others come from `web/translations/<language>/…/messages.po`, read at
start, so that there is no compiled file to be missing or old. Another language is a `.po` file and a line
in `LANGUAGES`. Fails at start on a `.po` that does not parse; a missing text shows its Japanese source.
"""

from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, request, session, url_for
from flask_babel import Babel, Domain, format_date, format_datetime, format_number, get_locale

from web.common.site import Site, current_site

SOURCE = "ja"
LANGUAGES = {"ja": "日本語", "en": "English"}
FOLDER = Path(__file__).parent.parent / "translations"
_MOMENT = {"ja": "M月d日（E）H:mm", "en": "d MMM (EEE) H:mm"}
_DAY = {"ja": "y年M月d日（E）", "en": "EEE d MMM y"}


@cache
def catalogue(language: str) -> NullTranslations:
    """The texts of a language, from its `.po` file; the source language has none."""
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if language == SOURCE or not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


class _Catalogues(Domain):
    """Flask-Babel's domain, fed from memory instead of from compiled files."""

    def get_translations(self) -> NullTranslations:
        locale = get_locale()
        return catalogue(str(locale)) if locale else NullTranslations()


class _Babel(Babel):
    """Flask-Babel with that domain."""

    domain_instance = _Catalogues()


def later(text: str) -> str:
    """Marks a text that is translated where it is shown, not where it is written."""
    return text


def install(app: Flask, timezone: str, *, cookie: bool) -> None:
    """Gives the application its languages; without `cookie` the choice travels in the addresses."""
    site: Site = app.extensions["karamail.site"]
    for language in site.languages:
        catalogue(language)
    _Babel().init_app(
        app,
        default_locale=SOURCE,
        default_timezone=timezone,
        locale_selector=lambda: _chosen(cookie=cookie),
    )
    app.jinja_env.filters.update(moment=moment, day=day, date_only=date_only, count=count)
    app.context_processor(_for_templates)

    if not cookie:

        @app.url_defaults
        def keep_choice(endpoint: str, values: dict[str, object]) -> None:
            asked = request.args.get("lang") if request else None
            if asked in site.languages and endpoint != "assets.static":
                values.setdefault("lang", asked)


def _chosen(*, cookie: bool) -> str:
    languages = current_site().languages
    asked = request.args.get("lang")
    if asked in languages:
        if cookie and session.get("lang") != asked:
            session["lang"] = asked
        return asked
    if cookie and session.get("lang") in languages:
        return str(session["lang"])
    return request.accept_languages.best_match(languages) or SOURCE


def current_language() -> str:
    """The language of this page, as in `lang=`."""
    return str(get_locale() or SOURCE)


def _for_templates() -> dict[str, object]:
    language = current_language()
    others = {code: LANGUAGES[code] for code in current_site().languages if code != language}
    return {"language": language, "other_languages": others, "address_in": _address_in}


def _address_in(language: str) -> str:
    """This page's address in another language."""
    values = {**(request.view_args or {}), **request.args.to_dict(), "lang": language}
    return url_for(request.endpoint, **values) if request.endpoint else f"/?lang={language}"


def moment(at: datetime) -> str:
    """An aware time, in the ward's time zone: 11月24日（火）6:05."""
    return format_datetime(at, _MOMENT.get(current_language(), "medium"))


def day(at: date) -> str:
    """A day: 2026年11月24日（火）."""
    return format_date(at, _DAY.get(current_language(), "medium"))


def date_only(at: datetime) -> str:
    """The day of an aware time, in the ward's time zone, for a narrow column: 2026/04/08."""
    return str(format_datetime(at, "y/MM/dd"))


def count(number: int) -> str:
    """A number with separators: 43,000."""
    return format_number(number)
