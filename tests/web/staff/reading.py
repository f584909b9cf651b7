"""Reads a page as somebody who cannot read Japanese: what is left in it that is not in the page's language.

Owns what counts as shown: text, and the attributes that are read out or seen. What a page declares as
Japanese (`lang="ja"`: the sheet for families, half of an error page, the link to another language) may be so.
"""

import re
from html.parser import HTMLParser

JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]+")
_SHOWN = ("alt", "aria-label", "content", "data-label", "placeholder", "title", "value")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "rect", "wbr"})


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        japanese = given["lang"] == "ja" if "lang" in given else self._japanese()
        if not japanese:
            self.shown += [
                value for name, value in given.items() if name in _SHOWN or name.startswith("data-count")
            ]
        if tag not in _VOID:
            self._open.append((tag, japanese))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """`<rect …/>` holds nothing."""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, text: str) -> None:
        if not self._japanese():
            self.shown.append(text)

    def _japanese(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def japanese_in(html: str, data: list[str]) -> list[str]:
    """The Japanese that an English page shows, but for the given data."""
    page = _Page()
    page.feed(html)
    text = "\n".join(page.shown)
    for known in sorted(filter(None, data), key=len, reverse=True):
        text = text.replace(known, "")
    return JAPANESE.findall(text)
