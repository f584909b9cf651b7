"""The canonical bytes of a record: one line of JSON, which is also its line in an export.

Owns columns, their order and their form. What is hashed is exactly this line, so that whoever has an export
needs no rule of ours to check it. Refuses to change: another form is another version, under another `v`.
Cannot fail on a row that the database holds.
"""

import json
from datetime import UTC, datetime
from functools import lru_cache

from appliance.record.merkle import leaf_hash

COLUMNS = (
    "id", "at", "account_id", "role", "zone", "session_id", "device_id", "network", "act", "object_kind",
    "object_id", "school_id", "reason", "result", "detail",
)  # fmt: skip
"""As a row is selected for `line`."""
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, as RFC 3339 has them."""
Row = tuple[
    int,
    int,
    int | None,
    str,
    str,
    int | None,
    int | None,
    str,
    str,
    str,
    int | None,
    int | None,
    str,
    str,
    str,
]


def line(row: Row) -> bytes:
    """The bytes of a row of `COLUMNS`; `at` in microseconds since 1970."""
    (
        id_,
        at,
        account,
        role,
        zone,
        session,
        device,
        network,
        act,
        kind,
        object_,
        school,
        reason,
        result,
        detail,
    ) = row
    return (
        f'{{"v":1,"id":{id_},"at":"{_time(at)}","account_id":{_number(account)},'
        f'"role":{_text(role)},"zone":{_text(zone)},"session_id":{_number(session)},'
        f'"device_id":{_number(device)},"network":{_text(network)},"act":{_text(act)},'
        f'"object_kind":{_text(kind)},"object_id":{_number(object_)},"school_id":{_number(school)},'
        f'"reason":{_text(reason)},"result":{_text(result)},"detail":{_text(detail)}}}'
    ).encode()


def hash_of(row: Row) -> bytes:
    """The leaf hash of a row."""
    return leaf_hash(line(row))


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


@lru_cache(4096)
def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _time(micros: int) -> str:
    """Of a number out of which no time can be made, the number: who wrote it shall not end the sealing."""
    second, micro = divmod(micros, 1_000_000)
    if not _FIRST_S <= second <= _LAST_S:
        return str(micros)
    return f"{_second(second)}.{micro:06}Z"


@lru_cache(4096)
def _second(value: int) -> str:
    """The year in four digits: `strftime` writes 33 in two of them on some systems, and in four on others."""
    return datetime.fromtimestamp(value, UTC).replace(tzinfo=None).isoformat()
