"""The texts of the sites in other languages than Japanese: find, check, update.

Owns `web/translations/<language>/LC_MESSAGES/messages.po` and which rooms must be complete in it. The source
text is its own key. Texts are compiled nowhere: `language` reads the `.po` files at start.

    python -m web.common.translations update    # new texts into every .po, vanished ones out
    python -m web.common.translations check     # exit 1 and a list when a text lacks its translation

Never marked, so never extracted: the sheet that families get (`admin/handout.html` holds both languages at
once), and the samples of a broadcast, which are its text. Fails with exit code 1.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from web.common.language import FOLDER, LANGUAGES, SOURCE

WEB = FOLDER.parent
TRANSLATED = ("common", "guardian", "staff", "admin", "sender")
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "later": None}
OPTIONS = {"**.html": {"newstyle_gettext": "true", "trimmed": "true"}}
_HEADER = """\
# Source texts are Japanese. `python -m web.common.translations update` renews this file.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")


def extract() -> Catalog:
    """Every text of the translated rooms, with the file it stands in."""
    found = Catalog(project="Karamail", charset="utf-8")
    for room in TRANSLATED:
        for file, _, text, comments, context in extract_from_dir(
            WEB / room, METHODS, OPTIONS, keywords=KEYWORDS, strip_comment_tags=True
        ):
            found.add(text, locations=[(f"web/{room}/{file}", 0)], auto_comments=comments, context=context)
    return found


def path_of(language: str) -> Path:
    """The file of a language."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def faults() -> Iterator[str]:
    """What is missing or wrong, one line each."""
    template = extract()
    for language in sorted(set(LANGUAGES) - {SOURCE}):
        with path_of(language).open("rb") as file:
            catalog = read_po(file, locale=language)
        for message in template:
            if not message.id:
                continue
            translated = catalog.get(message.id)
            where = message.locations[0][0]
            if translated is None or not translated.string:
                yield f"{language}: not translated: {message.id!r} ({where})"
            elif translated.fuzzy:
                yield f"{language}: unsure (fuzzy): {message.id!r} ({where})"
            elif sorted(_PLACEHOLDER.findall(str(translated.string))) != sorted(
                _PLACEHOLDER.findall(str(message.id))
            ):
                yield f"{language}: other placeholders: {message.id!r} ({where})"
        for message in catalog:
            if message.id and message.id not in template:
                yield f"{language}: no longer used: {message.id!r}"


def update() -> None:
    """Brings every catalogue to the present texts, keeping what is translated."""
    template = extract()
    for language in sorted(set(LANGUAGES) - {SOURCE}):
        path = path_of(language)
        if path.exists():
            with path.open("rb") as file:
                catalog = read_po(file, locale=language)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            catalog = Catalog(locale=language, project="Karamail", charset="utf-8")
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            file.write(_HEADER.format(language=language).encode())
            write_po(file, catalog, width=100, omit_header=True, include_lineno=False, sort_by_file=True)


def main(arguments: list[str]) -> int:
    """The command line."""
    if arguments == ["update"]:
        update()
        return 0
    if arguments == ["check"]:
        lines = list(faults())
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return 1 if lines else 0
    sys.stderr.write("usage: python -m web.common.translations check|update\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
