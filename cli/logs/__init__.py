"""`karamail logs`: the logs of all members, sealed and checked (R29).

Owns the commands and their exit codes: 0 all is as it was sealed, 3 it is not. Needs no database.
"""

import json
from datetime import date, timedelta
from pathlib import Path

import click

from appliance import clock, log
from cli.logs import seals
from cli.logs.seals import LogsBroken

DIFFERENT = 3
_folder = click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=seals.FOLDER, show_default=True,
    help="Where the logs are.",
)  # fmt: skip
_keep_days = click.option(
    "--keep-days", type=click.IntRange(min=31), default=365, show_default=True, help="Files stay so long."
)


@click.group()
def logs() -> None:
    """The logs of all members: sealed, checked."""


@logs.command()
@_folder
@_keep_days
def seal(folder: Path, keep_days: int) -> None:
    """Compress and seal the days that are over; delete what is over its time. Run nightly."""
    log.begin("logs")
    for each in seals.seal(folder, today()):
        log.logs_sealed(each.member, each.day.isoformat(), each.digest, each.chain)
    log.logs_expired(seals.expire(folder, seals.kept_from(today(), keep_days)))


@logs.command()
@_folder
@_keep_days
@click.option(
    "--against", multiple=True, metavar="LINK", help="A link that another member has kept; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(folder: Path, keep_days: int, against: tuple[str, ...], as_json: bool) -> None:
    """Recompute everything. Ends with 0 when all is as it was sealed, with 3 at the first difference.

    The events logs.sealed that other members received from this one hold its links:
    grep logs.sealed /var/log/karamail/THIS-MEMBER/*.log there.
    """
    try:
        # a day of grace: the night's deletion comes after midnight
        report = seals.verify(folder, seals.kept_from(today(), keep_days) + timedelta(days=1), against)
    except LogsBroken as error:
        click.echo(
            json.dumps({"whole": False, "difference": str(error)}) if as_json else f"DIFFERENT: {error}"
        )
        raise SystemExit(DIFFERENT) from None
    if as_json:
        told = {"whole": True, "files": report.whole, "expired": report.expired, "chain": report.chain}
        click.echo(json.dumps(told))
    else:
        click.echo(
            f"{report.whole} files ({report.expired} over time and deleted), all as they were sealed. "
            f"Last link {report.chain}"
        )


def today() -> date:
    """The day by this machine's clock, as rsyslog names its files."""
    return clock.now().astimezone().date()
