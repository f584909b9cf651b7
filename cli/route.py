"""`karamail route`: where a domain's mail would go now, and how safe the way must be.

Owns the look-up as an operator wants to see it, with the relay's own code and settings. Asks DNS and policy
hosts afresh, connects to no mail host, opens no personal data, and remembers nothing. Fails with the reason
for which mail could not go, and exit code 1.
"""

import asyncio
import json
import sys

import click

from cli.context import Context, pass_context


@click.command()
@click.argument("domain")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_context
def route(context: Context, domain: str, as_json: bool) -> None:
    """Where mail for DOMAIN goes: hosts in the order of trying, and what TLS must satisfy at each."""
    from smtp.route import NoRoute, Router

    config = context.config
    try:
        found = asyncio.run(Router(config.relay, config.mail.hostname).find(domain.lower()))
    except NoRoute as error:
        kind = "for good" if error.permanent else "for now"
        click.echo(f"karamail: {domain}: no way {kind} ({error.enhanced} {error.outcome.reason})", err=True)
        sys.exit(1)
    hosts = [
        {
            "host": target.host,
            "ip": target.ip,
            "policy": target.policy.kind.value,
            "level": target.policy.level.name.lower(),
            "records": list(target.policy.text),
        }
        for target in found.targets
    ]
    if as_json:
        click.echo(json.dumps({"carrier": found.carrier, "reported": bool(found.report_to), "hosts": hosts}))
        return
    click.echo(f"carrier   {found.carrier}")
    click.echo(f"reports   {'wanted (RFC 8460)' if found.report_to else 'not wanted'}")
    for host in hosts:
        click.echo(f"{host['host']} [{host['ip']}]  {host['policy']}, {host['level']}")
        for text in host["records"]:
            click.echo(f"    {text}")
