"""The town's `karamail.toml`.

Owns its text; it is written again at every start, since it follows from the folder and the port base. Refuses
secrets. Cannot fail but as the disk does.
"""

import os

from demo import certificate, ward
from demo import places as town
from demo.places import LOOPBACK, Places

MAIL_WORKERS = max(1, min(4, os.cpu_count() or 1))

_TEXT = """\
# Written by demo.town at every start: change demo/settings.py instead. A node's file is described in
# docs/configuration.md.
demo = true
secrets_dir = "secrets"

[ward]
name = "{ward.WARD_NAME}"
name_en = "{ward.WARD_NAME_EN}"
inquiry = "{ward.INQUIRY}"

[database]
url = "sqlite:///karamail.db"

[mail]
hostname = "{town.MAIL_HOST}"
registration_domain = "{town.REGISTRATION_DOMAIN}"
bounce_domain = "{town.BOUNCE_DOMAIN}"
from_address = "{town.FROM_ADDRESS}"
listen = ["{loopback}:{places.smtp_port}"]
workers = {workers}
tls_cert = "{tls_cert}"
tls_key = "{tls_key}"

[relay]
nameservers = ["{loopback}:{places.dns_port}"]
smtp_port = {places.smtp_port}
allow_private_targets = true
spool_dir = "spool"
ca_file = "{tls_cert}"

[factors]
required_for = []  # everybody may add a passkey or one-time codes, and is asked for them from then on

[devices]
required = false  # whoever tries the town comes from loopback, on a device that no ward knows
ward_networks = ["{loopback}/32"]

[broadcast]
quiet_minutes = 0  # whoever tries the town at the full hour should not wait
"""

_SITE = """
[{site}]
origin = "{origin}"
listen = "{loopback}:{port}"
workers = 1
threads = 8
"""


def write(places: Places) -> None:
    """Writes the file."""
    tls_cert, tls_key = (path.relative_to(places.folder) for path in certificate.paths(places))
    text = _TEXT.format(
        ward=ward, town=town, places=places, loopback=LOOPBACK, workers=MAIL_WORKERS,
        tls_cert=tls_cert, tls_key=tls_key,
    )  # fmt: skip
    for site in ("guardian", "sender", "admin"):
        text += _SITE.format(
            site=site, origin=places.origin(site), loopback=LOOPBACK, port=places.web_ports[site]
        )
    places.config_file.write_text(text, encoding="utf-8")
