"""The stylesheet and the script, under addresses that change with their content.

Owns `/assets/` and the template global `asset()`. A browser may keep such a file for a year; a new release
has new addresses. Fails at start when a file is missing.
"""

import hashlib
from pathlib import Path

from flask import Blueprint, Flask, url_for

from web.common.gate import public

_FOLDER = Path(__file__).parent / "static"


def _fingerprint(name: str) -> str:
    return hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:12]


def install(app: Flask) -> None:
    """Adds the blueprint that also brings the common templates."""
    blueprint = Blueprint(
        "assets",
        __name__,
        static_folder=str(_FOLDER),
        static_url_path="/assets",
        template_folder=str(Path(__file__).parent / "templates"),
    )
    app.register_blueprint(blueprint)
    serve = app.view_functions["assets.static"]

    @public
    def static(filename: str) -> object:
        return serve(filename=filename)

    app.view_functions["assets.static"] = static
    prints = {file.name: _fingerprint(file.name) for file in _FOLDER.iterdir() if file.is_file()}

    def asset(name: str) -> str:
        """The address of a file in `static/`, with its fingerprint."""
        return url_for("assets.static", filename=name, v=prints[name], lang=None)

    app.jinja_env.globals["asset"] = asset
