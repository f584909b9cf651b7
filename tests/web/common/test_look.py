"""The stylesheet and the macros hold what they promise: contrast, targets, nothing inline."""

import ast
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, render_template_string

from appliance.config import Config
from tests.web.common.visitor import visit
from web.common import public, translations
from web.common.language import LANGUAGES, SOURCE, catalogue

WEB = Path(translations.WEB)
CSS = (WEB / "common" / "static" / "karamail.css").read_text(encoding="utf-8")
TEMPLATES = sorted(WEB.rglob("templates/**/*.html"))
JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]+")
Small = Callable[..., Flask]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def token(name: str, site: str = ":root") -> str:
    block = re.search(re.escape(site) + r"\s*\{(.*?)\}", CSS, re.DOTALL)
    assert block is not None
    found = re.search(rf"--{name}:\s*(#[0-9a-f]{{6}})", block[1])
    assert found is not None, f"{site} has no --{name}"
    return found[1]


@pytest.mark.parametrize("site", [".site-guardian", ".site-sender", ".site-admin"])
def test_text_on_the_accent_and_links_on_the_ground_are_aaa(site: str) -> None:
    assert contrast(token("accent", site), "#ffffff") >= 7
    assert contrast(token("accent-strong", site), "#ffffff") >= 7
    assert contrast(token("accent-strong", site), token("accent-soft", site)) >= 7
    assert contrast(token("text"), token("accent-soft", site)) >= 7


@pytest.mark.parametrize("kind", ["error", "warning", "success"])
def test_what_is_said_is_aaa_on_white_and_at_least_aa_on_its_own_ground(kind: str) -> None:
    assert contrast(token(kind), token("ground")) >= 6.5
    assert contrast(token(kind), token(f"{kind}-soft")) >= 4.5
    assert contrast(token("text"), token(f"{kind}-soft")) >= 7


def test_quiet_text_is_aaa_and_controls_are_seen() -> None:
    assert contrast(token("text-quiet"), token("ground")) >= 7
    assert contrast(token("control"), token("ground")) >= 3


def test_no_text_is_smaller_than_16_pixels() -> None:
    for size in re.findall(r"(?:font-size|--small|--body):\s*([0-9.]+)rem", CSS):
        assert float(size) >= 1


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_inline_style_or_script(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "|safe" not in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_posting_form_carries_its_proof(path: Path) -> None:
    for form in re.findall(r"<form[^>]*\bpost\b.*?</form>", path.read_text(encoding="utf-8"), re.DOTALL):
        assert "c.proof()" in form


# --- languages


def test_no_text_of_any_site_lacks_its_translation() -> None:
    assert set(translations.TRANSLATED) == {
        path.name for path in WEB.iterdir() if (path / "__init__.py").exists()
    }
    assert list(translations.faults()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_shows_japanese_that_is_not_marked(path: Path) -> None:
    """But for the sheet that families get, which holds both languages at once."""
    text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r'<article class="handout".*?</article>', "", text, flags=re.DOTALL)
    marked = re.sub(r"""\b_\(\s*(["']).*?\1""", "", text, flags=re.DOTALL)
    assert JAPANESE.findall(marked) == []


def test_no_sentence_in_a_source_is_left_unmarked() -> None:
    """Every Japanese string of the rooms is in the catalogue, or in a place that holds both languages."""
    both_at_once = {"errorpages.py", "edge.py", "samples.py", "handout.py", "language.py"}
    known = {str(message.id) for message in translations.extract()} | {
        "件"
    }  # read in what is typed, not shown
    for room in translations.TRANSLATED:
        for path in (WEB / room).rglob("*.py"):
            if path.name in both_at_once:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                    assert node.value in known or not JAPANESE.search(node.value), (path.name, node.value)


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE}))
def test_a_catalogue_can_be_read_without_compiling(language: str) -> None:
    assert catalogue(language).gettext("次へ") != "次へ"


def test_a_language_once_chosen_stays_for_the_session(demo_config: Config, small_site: Small) -> None:
    app = small_site(demo_config, languages=("ja", "en"))
    app.add_url_rule("/page", "page", public(lambda: render_template_string('{% extends "base.html" %}')))
    visitor = visit(app)
    assert '<html lang="ja"' in visitor.get("/page").text
    assert '<html lang="en"' in visitor.get("/page?lang=en").text
    assert '<html lang="en"' in visitor.get("/page").text
    assert '<html lang="en"' in visitor.get("/page?lang=tlh").text


# --- macros


def shown(app: Flask, text: str, **context: object) -> str:
    with app.test_request_context("/"):
        return render_template_string('{% import "components.html" as c %}' + text, **context)


def test_a_field_says_its_error_to_the_ear_as_to_the_eye(demo_config: Config, small_site: Small) -> None:
    html = shown(small_site(demo_config), '{{ c.text("name", "名前", error="書いてください", hint="例") }}')
    assert 'aria-describedby="name-hint name-error"' in html
    assert 'aria-invalid="true"' in html
    assert 'for="name"' in html


def test_what_was_typed_comes_back_as_text(demo_config: Config, small_site: Small) -> None:
    evil = '"><script>alert(1)</script>&amp;'
    for macro in ('c.text("a", "b", v)', 'c.textarea("a", "b", v)', 'c.answers([{"label": v, "value": v}])'):
        html = shown(small_site(demo_config), "{{ " + macro + " }}", v=evil)
        assert "<script>" not in html
        assert "&#34;&gt;" in html


def test_the_first_choice_is_where_the_error_summary_leads(demo_config: Config, small_site: Small) -> None:
    html = shown(
        small_site(demo_config),
        '{{ c.radios("r", "組", groups=[("1年", [(1, "1組")]), ("2年", [(2, "1組")])], value=2) }}',
    )
    assert html.count('id="r"') == 1
    assert re.search(r'value="2"[^>]*checked', html)
    assert 'aria-label="2年"' in html


def test_a_bar_adds_up_and_an_empty_one_does_not_divide_by_zero(
    demo_config: Config, small_site: Small
) -> None:
    app = small_site(demo_config)
    html = shown(app, '{{ c.bar("配信", [("accepted", "受理", 30), ("failed", "失敗", 10)], 40) }}')
    assert re.findall(r'x="([0-9.]+)" y="0" width="([0-9.]+)"', html) == [("0", "750.0"), ("750.0", "250.0")]
    assert "<rect" in shown(app, '{{ c.bar("配信", [("accepted", "受理", 0)], 0) }}')


def test_numbers_and_times_are_written_as_their_reader_writes_them(
    demo_config: Config, small_site: Small
) -> None:
    text = "{{ 43000|count }} {{ at|moment }} {{ at|day }}"
    at = datetime(2026, 11, 23, 21, 5, tzinfo=UTC)
    assert shown(small_site(demo_config), text, at=at) == "43,000 11月24日（火）6:05 2026年11月24日（火）"
