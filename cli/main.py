"""`karamail`: the command line of operators.

Owns the root command, where the configuration comes from, and how failures become words and exit codes: 0
done, 1 refused or failed, 2 wrong usage, 78 (EX_CONFIG) bad configuration, which systemd does not restart.
Refuses to do anything itself: each group is a module. Prints JSON where `--json` is asked for.
"""

import sys
from pathlib import Path

import click

from appliance.errors import ConfigInvalid, KaramailError, SecretMissing
from cli import (
    account,
    audit,
    bounce,
    canary,
    code,
    configuration,
    database,
    device,
    dkim,
    dns,
    doctor,
    keys,
    logs,
    registrants,
    report,
    route,
    serve,
    status,
    watch,
)
from cli.context import Context

EX_CONFIG = 78
DEFAULT_CONFIG = Path("/etc/karamail/karamail.toml")


class _Root(click.Group):
    """Turns the domain's sentences into one line on standard error."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ConfigInvalid, SecretMissing) as error:
            click.echo(f"karamail: {error}", err=True)
            sys.exit(EX_CONFIG)
        except KaramailError as error:
            click.echo(f"karamail: {error}", err=True)
            sys.exit(1)


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KARAMAIL_CONFIG",
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The configuration file.",
)
@click.pass_context
def main(ctx: click.Context, config_path: Path) -> None:
    """Karamail (空メール): schools reach guardians by mail."""
    ctx.obj = Context(config_path)


main.add_command(configuration.config)
main.add_command(database.db)
main.add_command(keys.keys)
main.add_command(logs.logs)
main.add_command(dkim.dkim)
main.add_command(dns.dns)
main.add_command(doctor.doctor)
main.add_command(account.account)
main.add_command(device.device)
main.add_command(audit.audit)
main.add_command(bounce.bounce)
main.add_command(canary.canary)
main.add_command(route.route)
main.add_command(code.code)
main.add_command(registrants.registrants)
main.add_command(report.report)
main.add_command(serve.serve)
main.add_command(status.status)
main.add_command(watch.watch)


if __name__ == "__main__":
    main()
