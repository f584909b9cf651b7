"""The database and the queue in it, seen from this node.

Owns reachability, schema, the keys it is wrapped to, its clock against ours, and how long mail has waited.
Opens nothing personal: states, lanes and times. Refuses to create anything: where there is no SQLite file,
that is the finding.
"""

from collections.abc import Iterator
from pathlib import Path

from appliance import clock, db, grants, health
from appliance.config import Config, Zone
from appliance.errors import DatabaseUnavailable, OperatorError, SchemaMismatch, SecretMissing
from appliance.health import Lane
from appliance.keys import zone_public_key
from appliance.models import ZoneKey
from cli.doctor.finding import Finding, broken, ok, warning

AREA = "database"
_SHOWN = 5
_SKEW_MAX_S = 2.0
_LANES = {
    Lane.URGENT: "urgent mail",
    Lane.LETTER: "answers to empty mails",
    Lane.ROUTINE: "routine mail",
}


def look(config: Config) -> Iterator[Finding]:
    """Everything about the database; without it there is nothing more to say than that."""
    url = config.database.url
    if lacks_file(config):
        yield broken(AREA, f"{url}: no such file", "nothing works.", "karamail db migrate")
        return
    try:
        db.connect(config)
        db.check_schema()
        yield ok(AREA, f"{db.engine()} answers, its schema is this program's")
        yield from _roles(config)
        yield from _keys(config)
        yield from _clock()
        yield from _queue()
    except SchemaMismatch as error:
        yield broken(AREA, str(error), "the services do not start.", "as the message says.")
    except DatabaseUnavailable:
        yield broken(
            AREA, f"no answer from {url}", "nothing can be sent; empty mails wait at their senders.",
            "start the database, or see why this machine cannot reach it.",
        )  # fmt: skip
    except OperatorError as error:
        yield broken(AREA, str(error), "the services do not start.", "as the message says.")
    finally:
        db.close()


def lacks_file(config: Config) -> bool:
    """SQLite would make an empty one where there is none."""
    path = config.database.url.removeprefix("sqlite:///")
    return path != config.database.url and not Path(path).exists()


def _roles(config: Config) -> Iterator[Finding]:
    """Each zone may do what the table of grants says, and no more."""
    if db.engine() != "postgresql":
        return
    means = "whoever breaks into one part of the service can reach what the others protect, names included."
    if not config.database.zone_role_prefix:
        yield warning(
            AREA, "all zones use one database role (database.zone_role_prefix is empty)", means,
            "take that setting out and run `karamail db grant`.",
        )  # fmt: skip
        return
    different = grants.differences(config)
    for sentence in different[:_SHOWN]:
        yield broken(AREA, sentence, means, "karamail db grant")
    if len(different) > _SHOWN:
        yield broken(AREA, f"{len(different) - _SHOWN} more of these", means, "karamail db grant")
    if not different:
        yield ok(AREA, "the roles of zones and keepers may do what they need and nothing else")


def _keys(config: Config) -> Iterator[Finding]:
    with db.guarded():
        known = {row.zone: bytes(row.public) for row in ZoneKey.select()}
    if not known:
        means = "nobody can register."
        yield broken(AREA, "it knows no zone keys", means, "karamail keys create")
    for zone in (Zone.ADMIN, Zone.MAIL):
        try:
            public = zone_public_key(config.secrets_dir, zone)
        except SecretMissing:
            continue  # `secret_files` says it
        if zone in known and known[zone] != public:
            yield broken(
                AREA, f"{config.secrets_dir / zone.value / 'zone.key'} is not the key that it is wrapped to",
                "no address or name opens: nothing can be sent.", "restore that file from the key backup.",
            )  # fmt: skip


def _clock() -> Iterator[Finding]:
    """PostgreSQL has a clock of its own; SQLite's is ours."""
    if db.engine() != "postgresql":
        return
    with db.guarded():
        theirs = db.statement("SELECT clock_timestamp()").fetchone()[0]
    skew_s = abs((theirs - clock.now()).total_seconds())
    if skew_s > _SKEW_MAX_S:
        yield broken(
            "clock", f"{skew_s:.0f} s away from the database's clock",
            "links end too early, mails are sent twice or too late.", "start time synchronization on both.",
        )  # fmt: skip
    else:
        yield ok("clock", "agrees with the database's")


def _queue() -> Iterator[Finding]:
    area, now = "queue", clock.now()
    for lane, overdue in health.overdue(now).items():
        name = _LANES[lane]
        if overdue <= health.PATIENCE[lane]:
            yield ok(area, f"{name}: nothing is overdue")
            continue
        minutes = int(overdue.total_seconds() // 60)
        report = broken if lane is Lane.URGENT else warning
        yield report(
            area, f"{name} is overdue for {minutes} minutes", f"{name} does not arrive in time.",
            "see below whether workers run; if they do, look in the mail log for sites that slow us down.",
        )  # fmt: skip
    if held := health.abandoned(now):
        yield broken(
            area, f"{held} deliveries are held by workers that are silent, and nobody takes them over",
            "these mails wait.", "start the mail workers.",
        )  # fmt: skip
