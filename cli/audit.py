"""`karamail audit`: the operation record (R27) sealed, cosigned, checked, exported, let go.

Owns the words for a difference and the exit codes of `verify`: 0 all is as it was signed, 3 it is not.
"""

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from appliance import audit as acts
from appliance import clock, db, log
from appliance.config import Keeper
from appliance.errors import SecretMissing
from appliance.record import cosignatures, dating, export, retention, seal, trust, verify, witness
from appliance.record.verify import Difference, Kind
from cli.context import Context, pass_context

DIFFERENT = 3
_LOOK = ". Look who wrote it and from where; then `karamail audit examined {position}`"
_WORDS = {
    Kind.ALTERED: "the record at place {position} (id {record_id}) is not the one that was sealed",
    Kind.DELETED: "the record at place {position} (id {record_id}) is gone",
    Kind.GAP: "place {position} has no hash: leaves were deleted",
    Kind.REWRITTEN: "hashes between place {after_size} and the checkpoint of {size} were altered, put in "
    "between, taken out or moved",
    Kind.TRUNCATED: "the record ends at place {position}, and a signed checkpoint speaks of {size}",
    Kind.UNSIGNED: "from place {position} on there are hashes that no checkpoint speaks of",
    Kind.FORGED: "the checkpoint of {size} is not signed as it should be",
    Kind.NODE: "an inner hash near place {position} does not follow from the leaves",
    Kind.ROLLED_BACK: "a checkpoint of {size} that is held elsewhere is not continued: the record was rolled "
    "back or rewritten after place {after_size}",
    Kind.EXPIRED_EARLY: "records before place {position} were deleted before their time (record id "
    "{record_id})",
    Kind.NOT_SEALED: "record id {record_id} has waited for more than a day to be sealed: is "
    "`karamail audit seal` running?",
    Kind.BACKDATED: "the record at place {position} (id {record_id}) has a time before a checkpoint that was "
    "signed without it" + _LOOK,
    Kind.COSIGNATURE: "under the checkpoint of {size} stands a line that is no witness's signature: look who "
    "has the witnesses' database role; then `karamail audit discard {size}`",
    Kind.AHEAD: "the record at place {position} (id {record_id}) has a time after the checkpoint that it was "
    "sealed under" + _LOOK,
}


@click.group()
def audit() -> None:
    """The operation record: sealed, cosigned, checked."""


@audit.command(name="seal")
@click.option("--once", is_flag=True, help="Seal what is there and end.")
@pass_context
def seal_(context: Context, once: bool) -> None:
    """Give new records their place in the tree and sign checkpoints, until SIGTERM.

    On as many nodes as you like: one seals, the others wait.
    """
    config = context.connect() if once else context.connect_patiently(Keeper.SEALER)
    signer = trust.sealer(config)
    if once:
        total = 0
        while sealed := seal.seal(config, signer, clock.now(), everywhere=True):
            total += sealed
        click.echo(f"{total} records sealed")
        return
    log.begin("audit")
    log.process_started(every_s=config.audit.seal_every_s)
    seal.keep_sealing(config, signer, _until_told())


@audit.command(name="witness")
@click.option("--once", is_flag=True, help="Look at the newest checkpoint and end.")
@pass_context
def witness_(context: Context, once: bool) -> None:
    """Cosign checkpoints that continue what this node has seen, until SIGTERM. One on each node."""
    config = context.connect() if once else context.connect_patiently(Keeper.WITNESS)
    signer = trust.witness(config)
    if once:
        size = witness.cosign(config, signer, clock.now())
        click.echo("nothing new" if size is None else f"cosigned the checkpoint of {size} records")
        return
    log.begin("witness")
    log.process_started(every_s=config.audit.seal_every_s)
    witness.keep_watching(config, signer, _until_told())


@audit.command(name="verify")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A checkpoint that was kept elsewhere, such as the attachment of a mail; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_context
def verify_(context: Context, against: tuple[Path, ...], as_json: bool) -> None:
    """Recompute everything. Ends with 0 when all is as it was signed, with 3 at the first difference."""
    config = context.connect()
    report = verify.verify(config, against=[path.read_text(encoding="utf-8") for path in against])
    if as_json:
        told = asdict(report) | {"root": report.root.hex(), "whole": report.difference is None}
        click.echo(json.dumps(told))
    elif report.difference is None:
        click.echo(
            f"{report.records} records ({report.expired} over time and deleted), {report.checkpoints} "
            f"checkpoints ({report.cosigned} cosigned), {report.against} kept elsewhere: all is as it was "
            f"signed. {report.waiting} newer records wait to be sealed."
        )
    else:
        click.echo(f"DIFFERENT: {words(report.difference)}")
        for each in report.beside.values():
            if each != report.difference:
                click.echo(f"And {words(each)}")
    if not as_json and report.examined:
        click.echo(f"{report.examined} records say a wrong time; somebody has looked at them.")
    if report.difference is not None:
        raise SystemExit(DIFFERENT)


@audit.command(name="export")
@click.argument("folder", type=click.Path(path_type=Path))
@pass_context
def export_(context: Context, folder: Path) -> None:
    """Write all sealed records and checkpoints into a new FOLDER, for `docs/verify_audit.py`. Recorded."""
    context.connect()
    if folder.exists():
        raise click.ClickException(f"{folder} exists; name a new folder")
    with db.transaction():
        acts.record_operation(acts.Act.RECORDS_EXPORTED, "record", None)
    click.echo(f"{export.export(folder)} records written to {folder}")


@audit.command()
@click.argument("first", type=click.IntRange(0))
@click.argument("last", type=click.IntRange(0), required=False)
@pass_context
def examined(context: Context, first: int, last: int | None) -> None:
    """You have looked at the record at place FIRST, or at those from FIRST to LAST, which say a wrong time.

    `verify` only counts them when this word of yours is sealed. Recorded.
    """
    context.connect()
    dating.examine(first, first if last is None else last)
    at = (
        f"the record at place {first} was"
        if last is None
        else f"the records at places {first} to {last} were"
    )
    click.echo(f"recorded that {at} looked at; it counts as soon as that is sealed")


@audit.command()
@click.argument("size", type=click.IntRange(1))
@pass_context
def discard(context: Context, size: int) -> None:
    """Take away what stands under the checkpoint of SIZE records and is no witness's signature. Recorded."""
    config = context.connect()
    click.echo(f"{cosignatures.discard(size, trust.trusted(config))} lines taken away")


@audit.command()
@pass_context
def expire(context: Context) -> None:
    """Delete records older than audit.keep_days; their hashes stay. Run daily."""
    config = context.connect()
    click.echo(f"{retention.expire(config, clock.now())} records deleted")


@audit.command()
@pass_context
def keys(context: Context) -> None:
    """Print this node's public keys, and those of before an exchange, for audit.keys and the ward's files."""
    found = 0
    for which in (trust.sealer, trust.witness):
        try:
            click.echo(which(context.config).key.text)
            found += 1
        except SecretMissing:
            continue
    if not found:
        raise SecretMissing("this node has no key of the operation record: run `karamail keys create`")
    for key in trust.former(context.config):
        click.echo(key.text)


def words(difference: Difference) -> str:
    """A difference as a sentence."""
    said = _WORDS[difference.kind].format(**asdict(difference))
    if difference.many > 1:
        last = "" if difference.last is None else f", the last at place {difference.last}"
        said += f". There are {difference.many} such{last}"
    return said


def _until_told() -> Callable[[], bool]:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told.is_set
