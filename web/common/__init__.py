"""What the three sites share: the closed door, the look, the languages. Knows no school and no guardian.

    from web.common import create, page, public

    app = create(Zone.ADMIN, config, "web.admin", title="管理者サイト", guard=my_guard)

    @app.get("/classes")
    def classes() -> Response | str: ...      # reached only after my_guard() returned None

    @app.get("/login")
    @public                                   # the one way around the guard
    def login() -> str: ...

| module | gives |
|---|---|
| `factory` | `create(zone, config, import_name, *, title, …) -> Flask` |
| `gate` | who gets to a view: `public`, the guard, Sec-Fetch-Site, proof of the form (CSRF) on every POST |
| `edge` | WSGI around the app: host allow-list, one log event per request, without its URL |
| `headers` | CSP and the other response headers |
| `cookies` | cookie names and settings per site; `give`, `read`, `drop` for a session token of your own |
| `pages` | `page(template, errors=…, **context)`: 200, or 422 with the errors on top |
| `errorpages` | 400…503 and the domain's exceptions (`NotYours` → 404, …), Japanese with English beneath |
| `language` | Flask-Babel, `?lang=`, the filters `moment`, `day`, `count` |
| `translations` | `python -m web.common.translations check|update` |
| `assets` | stylesheet and script, with a fingerprint in their address |
| `site` | `Site`: what a template may know of the site (`site.title`, `site.accent`, …) |

Templates extend `base.html` (blocks: `title`, `account`, `navigation`, `back`, `main`) and import
`components.html` as `c`; its first lines list the macros. Every POST form holds `{{ c.proof() }}`.
Fails towards closed: a view that nobody declared public, on a site without a guard, answers 404.
"""

from web.common.factory import create
from web.common.gate import public
from web.common.pages import page

__all__ = ["create", "page", "public"]
