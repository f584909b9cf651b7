"""`karamail dkim`: the keys that sign our mail, and their rotation.

Owns the steps new → (publish, wait) → activate → (a week) → retire, with the words for each. Works on the
file in the mail zone's own secrets directory, never on a running unit's copy; each step and its record stand
or fall together. Refuses to activate a key whose record cannot be seen through every configured nameserver:
mail signed with it would be refused. Fails with the domain's sentences.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from appliance import audit, clock, db
from appliance.audit import Act
from appliance.config import Config, Zone
from appliance.keys import signing
from appliance.keys.signing import KeyState, SigningKey
from cli.context import Context, pass_context
from cli.look_up import Names, NotThere
from cli.zonefile import line

_MEANING = {
    KeyState.WAITING: "made, signs nothing yet; its record has to be published",
    KeyState.ACTIVE: "signs",
    KeyState.RETIRING: "signs no more; its record stays published",
}


@click.group()
def dkim() -> None:
    """The keys that sign our mail (DKIM)."""


@dkim.command("list")
@pass_context
def show(context: Context) -> None:
    """Every key, with its selector and what it does."""
    for key in signing.read(_folder(context.config)):
        until = f", until {ends:%Y-%m-%d %H:%M} UTC" if (ends := key.retires_at()) else ""
        click.echo(
            f"{key.selector:<14} {key.algorithm:<8} {_MEANING[key.state]}{until} (since {key.since:%Y-%m-%d})"
        )


@dkim.command()
@pass_context
def new(context: Context) -> None:
    """Step 1: make new keys and print their records. They sign nothing until `activate`."""
    folder = _folder(context.connect())
    keys = signing.fresh(signing.read(folder), clock.now())
    _write(folder, keys, Act.SIGNING_KEYS_MADE, len(_waiting(keys)))
    click.echo("; Publish these records, and leave those of the old keys where they are:")
    for key in _waiting(keys):
        click.echo(line(key.name(context.config.mail.from_domain), "TXT", key.record()))
    click.echo("; When they can be seen everywhere (an hour is usual), run: karamail dkim activate")


@dkim.command()
@click.option("--unseen", is_flag=True, help="Although the records cannot be seen from here.")
@pass_context
def activate(context: Context, unseen: bool) -> None:
    """Step 2: sign with the new keys, once their records can be seen."""
    config = context.connect()
    folder = _folder(config)
    keys = signing.read(folder)
    changed = signing.activated(keys, clock.now())
    if not unseen:
        missing = [fault for key in _waiting(keys) for fault in not_published(config, key)]
        if missing:
            raise click.ClickException("\n  ".join(("not activated, such mail would be refused:", *missing)))
    _write(folder, changed, Act.SIGNING_KEYS_ACTIVATED, len(_waiting(keys)))
    click.echo(
        "Workers that read this directory sign with the new keys from their next letters on.\n"
        "A unit that gets its keys through LoadCredential= has to be restarted: one worker after the other.\n"
        "Leave the records of the old keys published. After a week: karamail dkim retire"
    )


@dkim.command()
@pass_context
def retire(context: Context) -> None:
    """Step 3, a week later: destroy the old private keys; then their records may be taken out."""
    folder = _folder(context.connect())
    keys = signing.read(folder)
    gone = signing.expired(keys, clock.now())
    if not gone:
        later = [f"{key.selector} on {ends:%Y-%m-%d %H:%M} UTC" for key in keys if (ends := key.retires_at())]
        click.echo("nothing to retire" + (f" yet: {', '.join(later)}" if later else ""))
        return
    _write(folder, tuple(key for key in keys if key not in gone), Act.SIGNING_KEYS_RETIRED, len(gone))
    for key in gone:
        name = key.name(context.config.mail.from_domain)
        click.echo(f"destroyed {key.selector}; take this name out of DNS: {name}")


def not_published(config: Config, key: SigningKey) -> Iterator[str]:
    """One sentence for each configured nameserver that does not give the key's record."""
    name = key.name(config.mail.from_domain)
    for server in config.relay.nameservers:
        try:
            if key.record() not in Names([server]).find(name, "TXT"):
                yield f"{name}: nameserver {server} gives another record"
        except NotThere as reason:
            yield f"{name}: nameserver {server}: {reason}"


def _waiting(keys: signing.Keys) -> list[SigningKey]:
    return [key for key in keys if key.state is KeyState.WAITING]


def _write(folder: Path, keys: signing.Keys, act: Act, count: int) -> None:
    with db.transaction():
        audit.record_operation(act, "signing_keys", None, keys=count)
        signing.write(folder, keys)


def _folder(config: Config) -> Path:
    return config.secrets_dir / Zone.MAIL.value
