"""A test client that asks for a site by its own name, as a browser does."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from web.common.site import Site


class Visitor(FlaskClient):
    """Sends Host and scheme of the site's origin; Japanese unless told otherwise."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        site: Site = self.application.extensions["karamail.site"]
        if args and isinstance(args[0], str) and not kwargs.get("base_url"):
            kwargs["base_url"] = site.origin
        headers = dict(kwargs.pop("headers", None) or {})
        headers.setdefault("Accept-Language", "ja")
        return super().open(*args, headers=headers, **kwargs)


def visit(app: Flask, *, cookies: bool = True) -> Visitor:
    """A fresh browser at this site."""
    return Visitor(app, app.response_class, use_cookies=cookies)
