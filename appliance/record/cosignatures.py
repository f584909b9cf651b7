"""What stands under a checkpoint in the database, and whose signature it is.

Owns the reading of cosignatures. Refuses to believe the name of a row, which is what its writer calls
himself: all witnesses share one database role (0135), and whoever has it may write anything. Fails as the
database does.
"""

from collections.abc import Sequence

from appliance import audit, db
from appliance.errors import NoteInvalid, OperatorError
from appliance.models import AuditCheckpoint, AuditCosignature
from appliance.record import note
from appliance.record.note import WITNESS, VerifierKey


def signed_note(row: AuditCheckpoint, keys: Sequence[VerifierKey] | None = None) -> str:
    """A checkpoint with all signatures that it has by now; with `keys`, without those that are none."""
    lines = [each.line for each in _handed_over(row.size)]
    if keys is not None:
        lines = [line for line in lines if _is_signature(line, row, keys)]
    return str(row.note) + "".join(f"{line}\n" for line in lines)


def signers(row: AuditCheckpoint, keys: Sequence[VerifierKey]) -> tuple[list[str], int]:
    """Which known witnesses have cosigned a checkpoint, and how many cosignatures are none."""
    names, wrong = [], 0
    for each in _handed_over(row.size):
        try:
            key = note.signer_of(each.line, _text(row), row.size, keys)
        except NoteInvalid:
            wrong += 1
            continue
        if key is not None and key.kind == WITNESS:
            names.append(key.name)
    return names, wrong


def discard(size: int, keys: Sequence[VerifierKey]) -> int:
    """An operator takes away cosignatures of a checkpoint that are none; how many. Recorded.

    Raises `OperatorError`.
    """
    with db.transaction():
        row = AuditCheckpoint.get_or_none(AuditCheckpoint.size == size)
        if row is None:
            raise OperatorError(f"there is no checkpoint of {size} records")
        wrong = [each.name for each in _handed_over(size) if not _is_signature(each.line, row, keys)]
        for name in wrong:
            AuditCosignature.delete().where(
                AuditCosignature.size == size, AuditCosignature.name == name
            ).execute()
        if wrong:
            audit.record_operation(audit.Act.COSIGNATURES_DISCARDED, "position", size)
    return len(wrong)


def _handed_over(size: int) -> list[AuditCosignature]:
    return list(
        AuditCosignature.select().where(AuditCosignature.size == size).order_by(AuditCosignature.name)
    )


def _is_signature(line: str, row: AuditCheckpoint, keys: Sequence[VerifierKey]) -> bool:
    try:
        note.signer_of(line, _text(row), row.size, keys)
    except NoteInvalid:
        return False
    return True


def _text(row: AuditCheckpoint) -> str:
    return str(row.note).partition("\n\n")[0] + "\n"
