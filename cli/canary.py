"""`karamail canary`: one mail from this node, at once, to the operators.

Owns the words of its end. Refuses to queue anything. Fails with 1 when nobody has it; `smtp.canary` says how
far it came.
"""

import click
import uvloop

from appliance.config import Zone
from appliance.keystore import open_keyring
from cli.context import Context, pass_context


@click.command()
@pass_context
def canary(context: Context) -> None:
    """Send one mail from this node to faults.mail_to, past the queue. Ends with 0 when the receiver has it.

    Needs the mail zone's secrets and its way out: `systemctl start karamail-canary` has both.
    """
    from smtp import canary as mail

    config = context.connect(Zone.MAIL)
    outcome = uvloop.run(mail.send(config, open_keyring(config, Zone.MAIL)))
    click.echo(f"the receiver has it ({outcome.code} {outcome.enhanced})")
