"""Numbers as forms and addresses carry them.

Owns the one reading of digits that no later step can choke on: ASCII, and few enough for the database.
Refuses to know what the number stands for. Cannot fail: what is no such number is None.
"""

ID_DIGITS = 18  # always fits a BIGINT
COUNT_DIGITS = 9


def natural(text: str, digits: int = ID_DIGITS) -> int | None:
    """The number that `text` writes in up to so many digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
