"""Renders a page, with the reader's errors on top when there are any.

Owns the status of a page that is shown again: 422. Refuses to know fields. `errors` maps a field's id to
what its reader must do, in the order of the page; the title then begins with 「エラー」 so that a screen
reader says it first (GOV.UK Design System, error summary).
"""

from collections.abc import Mapping

from flask import render_template

UNPROCESSABLE = 422


def page(
    template: str,
    /,
    *,
    errors: Mapping[str, str] | None = None,
    status: int | None = None,
    **context: object,
) -> tuple[str, int]:
    """The page and its status: 200, or 422 with errors, or the status given."""
    code = status if status is not None else (UNPROCESSABLE if errors else 200)
    return render_template(template, errors=dict(errors or {}), **context), code
