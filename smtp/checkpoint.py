"""The letter with the day's checkpoint: in words, and the signed note as an attachment.

Owns its marks and its MIME form. Refuses to know delivery and signatures. Cannot fail; without its checkpoint
a letter lacks its marks, and rendering it does.
"""

import base64

from appliance.config import Config
from appliance.errors import NoteInvalid, SecretMissing
from appliance.models import AuditCheckpoint
from appliance.record import cosignatures, note, trust

_BOUNDARY = b"karamail-checkpoint"  # the parts are base64: it cannot occur in them
HEADERS = (
    (b"MIME-Version", b"1.0"),
    (b"Content-Type", b'multipart/mixed; boundary="%s"' % _BOUNDARY),
)


def read(config: Config, size: int) -> str:
    """The note with the signatures that it has by now; empty where it is not there any more."""
    row = AuditCheckpoint.get_or_none(AuditCheckpoint.size == size)
    return "" if row is None else cosignatures.signed_note(row, _keys(config))


def marks(config: Config, text: str) -> dict[str, str]:
    """What the words of the letter say of a note."""
    lines = text.split("\n")
    origin, size, root, at = lines[:4]
    key = next((key.text for key in _keys(config) if key.name == origin and key.until is None), "–")
    return {
        "size": size,
        "root": root,
        "at": at.removeprefix("time ").replace("T", " ").removesuffix("Z"),
        "key": key,
        "cosigned": str(max(0, len(text.partition("\n\n")[2].splitlines()) - 1)),
    }


def body(text: str, checkpoint: str) -> bytes:
    """Both parts, with CRLF."""
    size = checkpoint.split("\n")[1]
    parts = (
        (b"text/plain; charset=utf-8", b"", text.replace("\n", "\r\n")),
        (
            b"application/octet-stream",  # a program that changed a line end would spoil it
            b'Content-Disposition: attachment; filename="checkpoint-%s.txt"\r\n' % size.encode(),
            checkpoint,
        ),
    )
    written = b"".join(
        b"--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n%s\r\n%s"
        % (_BOUNDARY, kind, more, base64.encodebytes(content.encode()).replace(b"\n", b"\r\n"))
        for kind, more, content in parts
    )
    return written + b"--%s--\r\n" % _BOUNDARY


def _keys(config: Config) -> list[note.VerifierKey]:
    try:
        return list(trust.trusted(config))
    except (SecretMissing, NoteInvalid):
        return []  # the mail zone has no key of the record: it is named in `audit.keys`, or not at all
