"""`karamail watch`: figures of a node for Prometheus, and what Prometheus thinks of them into our table.

    journal of the zones ─► `events` ─┐
    database ───────────► `figures` ──┴─► one file for node-exporter ─► Prometheus of every node
    Prometheus' alerts ─► Alertmanager ─► `alerts` ─► table `fault` ─► a letter by the mail zone

Owns the rounds: every few seconds the file is written anew, whole; every other second whoever holds other
zones up in the database is ended (`appliance.holdup`). It looks at zones from outside, so no zone
opens a door for it, keeps a counter, or knows that it is watched; its database role may read how mail fares
and not whose it is. Refuses to judge and to write to people. Without the database it goes on, and says that
there is none; without Alertmanager the letters stay away, and the other way (docs/operations.md, Alerts) does
not.
"""

import os
import signal
import threading
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, generate_latest

from appliance import clock, db, fault, holdup, log
from appliance.config import Config, Keeper
from appliance.errors import DatabaseUnavailable
from cli.context import Context, pass_context
from cli.watch import alerts, figures
from cli.watch.events import Events, follow

_EVERY_S = 15.0
_HELD_UP_EVERY_S = 2.0


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a file for node-exporter every 15 seconds, until SIGTERM; printed once without.",
)
@click.option(
    "--alertmanager", metavar="URL", help="Whose alerts become faults, such as http://127.0.0.1:9093."
)
@pass_context
def watch(context: Context, into: Path | None, alertmanager: str | None) -> None:
    """Figures of this node for Prometheus. Opens no personal data."""
    registry = CollectorRegistry()
    if into is None:
        registry.register(figures.Figures(context.connect()))
        click.echo(generate_latest(registry).decode(), nl=False)
        return
    config = context.connect_patiently(Keeper.WATCH)
    log.begin("watch")
    registry.register(figures.Figures(config))
    events = Events(registry)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    threading.Thread(target=follow, args=(events,), daemon=True).start()
    threading.Thread(target=_let_others_pass, args=(config, told), daemon=True).start()
    log.process_started(every_s=int(_EVERY_S))
    while not told.is_set():
        _write(into, generate_latest(registry))
        if alertmanager:
            _notice(alertmanager)
        db.close()
        told.wait(_EVERY_S)
    log.process_stopping("told")


def _let_others_pass(config: Config, told: threading.Event) -> None:
    while not told.wait(_HELD_UP_EVERY_S):
        try:
            for zone in holdup.end(config):
                log.held_up(zone)
        except DatabaseUnavailable:
            db.close()  # the other round says so


def _write(target: Path, content: bytes) -> None:
    """Whole or not at all; its reader is another user."""
    fresh = target.with_suffix(".new")
    fresh.write_bytes(content)
    os.chmod(fresh, 0o644)
    fresh.rename(target)


def _notice(alertmanager: str) -> None:
    try:
        fault.notice(alerts.firing(alertmanager), clock.now())
    except alerts.Silent as error:
        log.alertmanager_silent(error)
    except DatabaseUnavailable as error:
        log.database_unavailable(error)
