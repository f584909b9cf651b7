"""What the administration site and the send-only site share: staff log in, write, send and watch.

Owns login and session, the way from a blank page to a sent broadcast, and its status page. Both sites show
the same pages from here; each gives its own home page and navigation. Refuses registrants: no name and no
address of a guardian is read in this room, which a test holds (R10).

    from web.staff import create, Item

    app = create(Zone.SENDER, config, "web.sender", title="送信専用サイト", navigation=navigation)

| module | gives |
|---|---|
| `app` | `create(zone, config, …) -> Flask`: guard, pages, database closed after each request |
| `desk` | `desk()`: configuration and keyring of the running site; `actor()`: who acts |
| `session` | login, logout, the guard; returns to the page that was left, with what was typed there |
| `compose` | which school · urgent or routine · to whom · the text; each step is saved |
| `check` | everything once more, then send, submit, approve, refuse |
| `status` | progress by state and carrier, and stopping |
| `listing` | the broadcasts of a school, and what waits for the actor |
| `refusals` | what is refused leaves a record, sparingly |
| `words` | the words for states, roles, categories, carriers |
| `samples` | 文例: a text to start from, by category |

Fails towards the login page: without a session nothing is shown, in one place (`session.guard`).
"""

from web.staff.app import create
from web.staff.desk import actor, desk

__all__ = ["actor", "create", "desk"]
