"""お知らせ: what people with an account are told by mail of their own login (R16; ASVS 5.0 6.3.5, 6.3.7).

Where to is set as everything is here, by an empty mail: its person asks for an address that is good for one
mail within an hour, and whatever address writes to it gets the notices. So no page takes or shows a mail
address, and one that was mistyped never counts. What is told is noted where it happens
(`appliance.audit`), without a look at whether there is anybody to tell.

| room | owns |
|---|---|
| `place` | where an account's notices go: asked for, set, ended |
| `tell` | the letters: about what was noted, and about a password that is due |

Refuses the words of the letters (the mail zone writes them) and to say who it is: no letter holds a name or a
login id. Fails as the rooms do.
"""

from appliance.notice.place import ASKED_FOR, ask, end, forget, is_asked, is_shaped, place, take
from appliance.notice.tell import note_due, tell

__all__ = [
    "ASKED_FOR", "ask", "end", "forget", "is_asked", "is_shaped", "note_due", "place", "take", "tell",
]  # fmt: skip
