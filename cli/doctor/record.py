"""The operation record: is it sealed and cosigned in time?

Owns the words for that. Opens no record: counts, times and names of witnesses. Refuses to verify:
`karamail audit verify` does. The finding is what cannot be asked, too.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from appliance import clock, db
from appliance.config import Config
from appliance.errors import NoteInvalid, OperatorError
from appliance.record import standing
from appliance.record.standing import Standing
from cli.doctor import database
from cli.doctor.ages import span
from cli.doctor.finding import Finding, broken, ok, warning

AREA = "record"
_LONG = timedelta(hours=1)


def look(config: Config) -> Iterator[Finding]:
    """What is behind, and by how much."""
    try:
        if database.lacks_file(config):
            raise OperatorError("there is no database")
        db.connect(config)
        db.check_schema()
        found = standing.look(config, clock.now())
    except (OperatorError, NoteInvalid) as error:
        yield broken(
            AREA, f"the operation record cannot be looked at: {error}",
            "nothing changes for them; nobody can prove who opened which names.",
            "karamail doctor --only database --only secrets",
        )  # fmt: skip
        return
    finally:
        db.close()
    now = clock.now()
    if config.audit.mail_to is None and not config.demo:
        yield warning(
            AREA, "audit.mail_to is not set: the ward gets no checkpoint of the operation record",
            "mail is not affected; whoever has all nodes could write the record anew, and nobody would see.",
            "ask the ward for an address, and set audit.mail_to.",
        )  # fmt: skip
    yield from _sealing(found, now)
    yield from _cosigning(found, now)


def _sealing(found: Standing, now: datetime) -> Iterator[Finding]:
    if found.oldest_at is not None:
        waited = now - found.oldest_at
        report = broken if waited > _LONG else warning
        last = "no checkpoint was ever signed" if found.last_at is None else _last(found, now)
        held = f"; meanwhile the tree is held by {', '.join(found.holders)}" if found.holders else ""
        yield report(
            AREA, f"{found.unsealed} records wait to be sealed, the first for {span(waited)}; {last}{held}",
            "mail is not affected; until then somebody could change, unseen, who opened which names.",
            "see `systemctl status karamail-audit` on each node; `karamail audit seal --once` seals now and "
            "says what is in the way." + (_HELD if found.holders else ""),
        )  # fmt: skip
    elif found.last_at is None:
        yield ok(AREA, "nothing has been recorded yet")
    else:
        yield ok(AREA, f"nothing waits to be sealed; {_last(found, now)}")


def _cosigning(found: Standing, now: datetime) -> Iterator[Finding]:
    if not found.witnesses:
        yield warning(
            AREA, "no witness cosigns the record", _UNWITNESSED,
            "run karamail-witness on each node; put what `karamail audit keys` prints there into audit.keys.",
        )  # fmt: skip
    for each in found.behind:
        host = each.name.removesuffix("/witness")
        waited = now - each.since
        report = broken if waited > _LONG else warning
        yield report(
            AREA,
            f"{each.name} has not cosigned for {span(waited)} ({each.checkpoints} checkpoints)",
            _UNWITNESSED,
            f"on {host}: `systemctl status karamail-witness`. If its log says record.broken, do not remove "
            "its file; run `karamail audit verify` there.",
        )  # fmt: skip
    if found.witnesses and not found.behind and found.size:
        yield ok(AREA, f"cosigned by {', '.join(found.witnesses)}")


_HELD = (
    " If it is no sealer at work, end it as PostgreSQL's superuser: `SELECT pg_terminate_backend(PROCESS)`."
)
_UNWITNESSED = "mail is not affected; fewer places would notice if the record were rewritten."


def _last(found: Standing, now: datetime) -> str:
    assert found.last_at is not None
    return f"the last checkpoint is {span(now - found.last_at)} old and speaks of {found.size} records"
