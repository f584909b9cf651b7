"""The settings of the operation record.

Owns that one table of the file, and who works beside the zones; `schema` has the others. Refuses to read
files. Fails as `schema` does.
"""

from enum import StrEnum
from pathlib import Path

from pydantic import Field

from appliance.config.kinds import Mailbox, Section


class Keeper(StrEnum):
    """Who seals and who cosigns the record, and who watches: of no zone, each with its own user and role.

    The value names folder, role and unit.
    """

    SEALER = "audit"
    WITNESS = "witness"
    WATCH = "watch"


class Audit(Section):
    """The operation record (操作記録)."""

    mail_to: Mailbox | None = Field(
        None, description="The ward's address that gets the day's checkpoint; none is mailed when absent."
    )
    mail_hour: int = Field(7, ge=0, le=23, description="It is mailed after this hour of the ward's day.")
    keep_days: int = Field(
        1096, ge=366, le=36_500, description="Records are kept so long; their hashes stay."
    )
    seal_every_s: int = Field(30, ge=1, le=3600, description="New records are sealed at least so often.")
    keys: list[str] = Field(
        [],
        description="Public keys (name+id+key) that `karamail audit verify` and witnesses believe, as "
        "`karamail audit keys` prints them: the log's, and those of the witnesses of all nodes; with `until` "
        "and a number of records where a key was exchanged. This node's own when empty.",
    )
    witness_file: Path | None = Field(
        None,
        description="Where this node's witness keeps the last checkpoint it saw, on its own disk; "
        "witness.note beside the journals in relay.spool_dir when absent.",
    )
