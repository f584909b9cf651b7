"""`karamail bounce`: what a bounce says, for support and for tests.

Owns the command and its JSON lines. Needs no configuration and no database. Refuses to change anything. A
file that cannot be read is named on standard error; the others are still explained, and the exit code is
1.
"""

import json
import sys
from pathlib import Path

import click

from smtp.bounce import Finding, read
from smtp.bounce.mime import READ_OCTETS


@click.group()
def bounce() -> None:
    """Bounces (不達): mail about mail that did not arrive."""


@bounce.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def explain(files: tuple[str, ...]) -> None:
    """Print one JSON line per FILE and recipient; - reads standard input.

    recipient counts from 0 within a file, address is whom it names. class is gone, full, refused, trouble
    or none (an automatic reply, a complaint, a success notice). permanent: the address takes no mail any
    more. final: this mail will not arrive; false for delays. A file that tells of no delivery at all has
    no line.
    """
    failed = False
    for name in files:
        try:
            octets = _octets(name)
        except OSError as error:
            click.echo(f"karamail: {name}: {(error.strerror or 'cannot be read').lower()}", err=True)
            failed = True
            continue
        findings = read(octets)
        for place, finding in enumerate(findings):
            click.echo(json.dumps(_line(name, place, finding), ensure_ascii=False))
        if not findings:
            click.echo(f"karamail: {name}: tells of no delivery", err=True)
    if failed:
        sys.exit(1)


def _octets(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(READ_OCTETS)
    with Path(name).open("rb") as file:
        return file.read(READ_OCTETS)


def _line(name: str, place: int, finding: Finding) -> dict[str, str | int | bool | None]:
    return {
        "file": name,
        "recipient": place,
        "address": finding.recipient,
        "status": finding.status or None,
        "reply_code": finding.reply_code or None,
        "class": finding.class_.value,
        "reason": finding.cause.value,
        "permanent": finding.is_permanent,
        "final": finding.is_final,
    }
