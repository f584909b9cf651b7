"""`karamail doctor`: is everything in order, in words for an installer, and what to do where it is not.

Owns the round through configuration, entrance, secrets, DKIM keys, database, queue, replication, record,
backups, logs, units, updates, workers, sites, certificates, disk, clock, DNS and the way out. Each finding is
ok, WARNING or BROKEN and says what it means for parents and what to run or whom to ask. Refuses to change
anything. Exit code: 0 all is well, 1 warnings, 2 broken.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from appliance.config import Config
from appliance.errors import ConfigInvalid
from cli.context import Context, pass_context
from cli.doctor import (
    backups,
    database,
    entrance,
    everywhere,
    figures,
    files,
    logs,
    node,
    published,
    record,
    replication,
    units,
    updates,
)  # fmt: skip
from cli.doctor.finding import Finding, Status, broken, ok, warning

_LOOKS: tuple[tuple[set[str], Callable[[Config], Iterable[Finding]]], ...] = (
    ({"entrance"}, entrance.look),
    ({"secrets"}, files.secret_files),
    ({"dkim"}, lambda config: files.dkim_keys(config)[1]),
    ({"database", "queue", "clock"}, database.look),
    ({"replication"}, replication.look),
    ({"record"}, record.look),
    ({"backups"}, backups.look),
    ({"logs"}, logs.look),
    ({"units"}, lambda _config: units.failed()),
    ({"updates"}, lambda _config: updates.look()),
    ({"workers"}, node.mail_port),
    ({"workers"}, files.journals),
    ({"sites"}, node.sites),
    ({"certificate"}, files.mail_certificate),
    ({"certificate"}, node.site_certificates),
    ({"certificate"}, lambda _config: files.rack_certificates()),
    ({"disk"}, files.disk),
    ({"clock"}, lambda _config: node.synchronized()),
    ({"postmaster"}, files.postmaster),
    ({"dns"}, lambda config: published.look(config, files.dkim_keys(config)[0])),
    ({"way out"}, node.way_out),
)
_AREAS = ("config", *dict.fromkeys(area for areas, _ in _LOOKS for area in sorted(areas)))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--only", type=click.Choice(_AREAS), multiple=True, help="Only this; may be repeated.")
@click.option("--all-nodes", is_flag=True, help="The last round of every node, some minutes old.")
@click.option(
    "--figures",
    "figures_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a file for node-exporter instead; ends with 0 whatever is found.",
)
@pass_context
def doctor(
    context: Context, as_json: bool, only: tuple[str, ...], all_nodes: bool, figures_file: Path | None
) -> None:
    """Check the whole node and its DNS records. Exit code 0: all is well, 1: warnings, 2: broken."""
    if all_nodes:
        found = list(everywhere.look())
    else:
        found = [("", each) for each in _round(context, set(only or _AREAS)) if not only or each.area in only]
    if figures_file is not None:
        figures.write(figures_file, [finding for _, finding in found], _AREAS)
        return
    worst = max((finding.status for _, finding in found), default=Status.OK)
    if as_json:
        rows = [_row(node, finding) for node, finding in found]
        click.echo(json.dumps({"status": worst.name.lower(), "findings": rows}, ensure_ascii=False))
    else:
        for _, finding in found:
            click.echo("\n".join(finding.lines()))
        count = {status: sum(finding.status is status for _, finding in found) for status in Status}
        click.echo(f"{count[Status.OK]} ok, {count[Status.WARNING]} warnings, {count[Status.BROKEN]} broken")
    sys.exit(int(worst))


def _row(node: str, finding: Finding) -> dict[str, str]:
    where = {"node": node} if node else {}
    return where | dataclasses.asdict(finding) | {"status": finding.status.name.lower()}


def _round(context: Context, wanted: set[str]) -> Iterator[Finding]:
    try:
        config = context.config
    except ConfigInvalid as error:
        for line in str(error).splitlines():
            yield broken("config", line, "nothing starts.", "correct the file; `karamail config check`")
        return
    yield from _configuration(context, config)
    for areas, look in _LOOKS:
        if areas & wanted:
            yield from look(config)


def _configuration(context: Context, config: Config) -> Iterator[Finding]:
    yield ok("config", f"{context.config_path} is good")
    if config.demo:
        yield warning(
            "config", "demo = true", "mail goes to invented carriers; links are not encrypted.",
            "take it out on a real node.",
        )  # fmt: skip
    if config.dns.hosts and config.mail.hostname not in config.dns.hosts:
        yield warning(
            "config", f"dns.hosts does not name this node ({config.mail.hostname})",
            "carriers may refuse what this node sends.", "add it with its public addresses.",
        )  # fmt: skip
