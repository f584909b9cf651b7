"""`karamail dns`: every record to publish, as a zone file that explains itself.

Owns the words around the records. What they are is `cli.records`. Refuses to change DNS. Fails with the
domain's sentences.
"""

import dataclasses
import json
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from appliance.config import Config, Zone
from appliance.keys import secrets, signing
from appliance.keys.signing import KeyState
from cli import records as wanted
from cli.context import Context, pass_context
from cli.records import PolicyFile, Record, Topic
from cli.zonefile import line

_WHY = {
    Topic.ADDRESS: (
        "The mail servers themselves. An address that is missing here is to be filled in; name every "
        "node with its public addresses under [dns.hosts], then this command prints them all."
    ),
    Topic.PTR: (
        "ASK YOUR INTERNET PROVIDER for these (reverse DNS): they are in the provider's zone, not in "
        "yours. Carriers refuse mail from an address without a name, or with another name than the "
        "server says."
    ),
    Topic.MX: (
        "Who takes mail for us: empty mails (registration), bounces (failed mail comes back), and "
        "answers to the From address, which our server refuses in words instead of leaving them to "
        "wait for days."
    ),
    Topic.SPF: (
        "Who may send for us: only our own servers. One such record per name; a second one voids both."
    ),
    Topic.DKIM: (
        "The public halves of the keys that sign each mail. Long ones are in several strings: that is "
        "right. To change keys: karamail dkim new, publish, karamail dkim activate, a week later "
        "karamail dkim retire."
    ),
    Topic.DMARC: (
        "What receivers do with mail that claims to be ours and is not. Start with p=quarantine, not "
        "with p=none: nobody else sends from this domain, and a forged alarm must not reach anybody. "
        "When karamail doctor has been green for two weeks and the reports have named no server of "
        'ours as failing, set dmarc = "reject" under [dns] and publish again.'
    ),
    Topic.MTA_STS: (
        "Makes other servers insist on TLS when they bring us mail. Needs the policy file at the end "
        'of this output. Start with "testing"; when the TLS reports have named no failure for two '
        'weeks, set mta_sts = "enforce" under [dns], serve the new file and publish the new id.'
    ),
    Topic.TLS_RPT: "Where other servers report that TLS to us failed.",
    Topic.TLSA: (
        "The same by DANE. Only if your zone is signed (DNSSEC); leave it out otherwise. It names the "
        "KEY of this node's certificate: renew certificates with the same key. For a new key: "
        "karamail dns --next-tls-cert FILE prints both; publish both, wait two days, change the "
        "certificate, wait two days, take the old one out. Other nodes: run karamail dns there."
    ),
    Topic.CAA: "Who may issue certificates for our names. Others then refuse to.",
}
_COLUMNS = 96
_STATE = {
    KeyState.WAITING: "not in use yet; publish it, then: karamail dkim activate",
    KeyState.ACTIVE: "in use",
    KeyState.RETIRING: "no longer in use; leave it until `karamail dkim retire` says to take it out",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--next-tls-cert",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The certificate that will come next, to print its TLSA record beside today's.",
)
@pass_context
def dns(context: Context, as_json: bool, next_tls_cert: Path | None) -> None:
    """Print every DNS record to publish, with the reason for each. Asks and changes nothing."""
    config = context.config
    keys = signing.read(secrets.directory(config.secrets_dir, Zone.MAIL))
    found = wanted.records(config, keys, next_certificate=next_tls_cert)
    files = wanted.policy_files(config)
    if as_json:
        click.echo(json.dumps(_plain(found, files), ensure_ascii=False))
    else:
        click.echo("\n".join(zone_file(config, keys, found, files)))


def zone_file(
    config: Config, keys: signing.Keys, found: list[Record], files: list[PolicyFile]
) -> Iterator[str]:
    """The lines; everything that is no record is a comment."""
    yield f"; DNS records for the mail of {config.ward.name_en}. Publish them in the zones they belong to;"
    yield "; then `karamail doctor` says whether the world sees them."
    for topic, group in groupby(sorted(found, key=_order), key=lambda record: record.topic):
        yield ""
        yield from (f"; {words}" for words in textwrap.wrap(_WHY[topic], _COLUMNS))
        for record in group:
            state = next(
                (_STATE[k.state] for k in keys if k.name(config.mail.from_domain) == record.name), ""
            )
            if state:
                yield f"; {state}"
            if record.by_provider:
                yield f"; ask: {line(record.name, record.kind, record.value)}"
            elif not record.value:
                yield f"; fill in: {record.name}. IN {record.kind} <address of this server>"
                yield f"; ask your internet provider: the PTR of that address has to be {record.name}"
            else:
                yield line(record.name, record.kind, record.value)
    if not files:
        yield ""
        yield "; No MTA-STS, TLS-RPT and TLSA: set mail.tls_cert and mail.tls_key first, then run this again."
    for file in files:
        yield ""
        yield f"; Serve this as {file.url}"
        yield "; (text/plain, with a certificate for that name; no redirect):"
        yield from (f";   {row}" for row in file.content.splitlines())


def _order(record: Record) -> int:
    return list(Topic).index(record.topic)


def _plain(found: list[Record], files: list[PolicyFile]) -> dict[str, object]:
    return {
        "records": [dataclasses.asdict(record) for record in sorted(found, key=_order)],
        "files": [dataclasses.asdict(file) for file in files],
    }
