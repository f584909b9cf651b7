"""From a text to a cause: the text is made normal, then the table of phrases is asked in its order.

Owns what is left out of a text before it is read: names of hosts and people (they may be called "spam" or
"full"), addresses of pages, and what reporting systems say whatever happened. Refuses codes and commands:
those are `smtp.bounce.judge`'s. Linear; a text counts up to `TEXT_LETTERS`. Cannot fail.
"""

import re

from smtp.bounce.cause import Cause
from smtp.bounce.phrases import TABLE

TEXT_LETTERS = 4000

_URL = re.compile(r"\bhttps?://\S{0,500}")
_LIST_URL = re.compile(
    r"\bhttps?://[^\s/]{0,80}(?:spamhaus|spamcop|sorbs|barracuda|abuseat|dnsbl|rbl|senderbase|talosint"
    r"|proofpoint|cloudmark)\S{0,300}"
)
_ADDRESS = re.compile(r"[^\s<>@:;,\[\]()]{1,64}@[a-z0-9.-]{0,254}[a-z0-9]")
_HOST = re.compile(r"\b[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,8} ?[\[(](?=[0-9a-f.:]{3,45}[\])])")
_SPEAKER = re.compile(
    r"remote (?:host|server) (?:said|returned)|host .{1,100}? said|server message|in reply to"
)
# What reporting systems say whatever the cause is.
_FRAME = re.compile(
    r"it was rejected by the recipient (?:domain|server)|did not reach some or all"
    r"|remote smtp server has rejected address|recipient address:"
    r"|did not reach the following"
    r"|the reasons given by the server are included to help you determine why.{0,30} rejected"
    r"|following header fields|再送信してください|再度(?:ご)?送信|if the problem (?:continues"
    r"|persists).{0,80}|contact your (?:help desk|it department|internet service).{0,40}"
    r"|was rejected by a remote mail server|see dsn code \S{3,12}|this is an automatically generated"
    r"|do(?:n't| not) reply to this"
)
_BARE_DOMAIN = re.compile(
    r"\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,6}\.(?:com|net|org|jp|de|ru|fr|example|invalid)\b"
)
_SPACES = re.compile(r"\s+")

# What docomo, au and Yahoo! JAPAN also say of a person whose filter refuses.
_AMBIGUOUS = re.compile(
    r"(?<!local: )(?<!\.\.\. )(?:user unknown|unknown user)(?! ?:)|user doesn't have an?|recipient not found"
    r"|address(?:es)? (?:was |were )?rejected|recipients? (?:was |were )?rejected"
)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("|".join(line.strip().lstrip("|") for line in pattern.strip().splitlines()))


_CAUSES = tuple((cause, _compiled(pattern)) for cause, pattern in TABLE)


def normal(text: str) -> str:
    """A text as the phrases want it: small letters, single spaces, no names of hosts and people in it."""
    text = _SPACES.sub(" ", text[:TEXT_LETTERS]).lower().replace("\u2019", "'")
    text = _URL.sub(" ", _LIST_URL.sub(" blocklist ", text))
    return _SPACES.sub(
        " ",
        _BARE_DOMAIN.sub(" ", _HOST.sub("[", _ADDRESS.sub(" ", _SPEAKER.sub(" ", _FRAME.sub(" ", text))))),
    ).strip()


def cause_of(text: str, *, without: frozenset[Cause] = frozenset()) -> Cause | None:
    """The first cause in the table's order that a `normal` text speaks of."""
    return next((c for c, pattern in _CAUSES if c not in without and pattern.search(text)), None)


def is_ambiguous(text: str) -> bool:
    """A `normal` text says "no such user" in words that some use for a filter, too."""
    return _AMBIGUOUS.search(text) is not None
