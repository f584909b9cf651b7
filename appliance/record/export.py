"""All of the operation record, for a check without the appliance (`docs/verify_audit.py`).

Owns the form: a folder with `records.jsonl` (one line per place in the tree: the very bytes that were hashed,
or the hash alone, in quotes, where the record's time is over) and `checkpoints.jsonl` (size and signed note).
Refuses to write over anything. Fails with OSError and as the database does.
"""

import json
from pathlib import Path

from appliance import db
from appliance.models import AuditCheckpoint
from appliance.record import cosignatures, leaf
from appliance.record.verify import leaves

RECORDS, CHECKPOINTS = "records.jsonl", "checkpoints.jsonl"


def export(folder: Path) -> int:
    """Writes everything that is sealed; how many places that were."""
    folder.mkdir(parents=True)
    count = 0
    with db.snapshot():
        with (folder / RECORDS).open("xb") as file:
            for _, _, hash_, row in leaves():
                content = f'"{hash_.hex()}"'.encode() if row[0] is None else leaf.line(row)
                file.write(content + b"\n")
                count += 1
        with (folder / CHECKPOINTS).open("x", encoding="utf-8") as text:
            for kept in AuditCheckpoint.select().order_by(AuditCheckpoint.size):
                note = cosignatures.signed_note(kept)
                text.write(json.dumps({"size": kept.size, "note": note}, ensure_ascii=False) + "\n")
    return count
