"""A complete `karamail.toml` for tests, written out and read back through the real loader."""

import shutil
from pathlib import Path

from appliance import config, keys
from appliance.keys import record

_TEMPLATE = """\
demo = true
secrets_dir = "secrets"

[ward]
name = "みどり区"
name_en = "Midori Ward"

[database]
url = "{database_url}"

[mail]
hostname = "mx.midori.example"
registration_domain = "touroku.midori.example"
bounce_domain = "bounce.midori.example"
from_address = "school@mail.midori.example"
listen = ["127.0.0.1:{mail_port}"]
authenticity = "off"  # most tests have no DNS
max_connections_per_network_per_minute = 1000000  # here everybody comes from 127.0.0.0/24
requests_per_network_per_hour = 1000000
requests_per_code_per_hour = 1000000
requests_per_hour = 1000000
workers = 1

[relay]
nameservers = ["127.0.0.1:{dns_port}"]
smtp_port = {smtp_port}
allow_private_targets = true
spool_dir = "spool"
connect_timeout_s = 3
reply_timeout_s = 5
dot_timeout_s = 10

[broadcast]
take_back_s = {take_back_s}
quiet_minutes = 0

[factors]
required_for = []  # where second factors are the subject, the test turns them on

[devices]
required = false

[guardian]
origin = "http://guardian.midori.example"
listen = "127.0.0.1:{guardian_port}"
workers = 1

[sender]
origin = "http://sender.midori.example"
listen = "127.0.0.1:{sender_port}"
workers = 1

[admin]
origin = "http://admin.midori.example"
listen = "127.0.0.1:{admin_port}"
workers = 1
"""
_UNUSED = {
    "mail_port": 2525,
    "dns_port": 5353,
    "smtp_port": 2526,
    "guardian_port": 8001,
    "sender_port": 8002,
    "admin_port": 8003,
    "take_back_s": 0,
}
_ONLY_A_DEMO = (
    ("demo = true\n", ""),
    ("allow_private_targets = true\n", ""),
    ("required_for = []  # where second factors are the subject, the test turns them on\n", ""),
    ("[devices]\nrequired = false\n\n", ""),
    ('"http://', '"https://'),
)


def write_settings(folder: Path, database_url: str, **ports: int) -> Path:
    """Writes `folder/karamail.toml` (secrets and spool beside it) and returns its path.

    `ports` (mail_port, dns_port, smtp_port, guardian_port, sender_port, admin_port) are needed only where a
    test really listens there; `take_back_s` where taking back is the subject. To change anything else,
    edit the file: it is text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spool").mkdir(exist_ok=True)
    path = folder / "karamail.toml"
    path.write_text(_TEMPLATE.format(database_url=database_url, **(_UNUSED | ports)), encoding="utf-8")
    return path


def on_a_node(path: Path) -> Path:
    """Makes this file of `write_settings` a ward's: nothing is left out that only a demo may leave out."""
    text = path.read_text(encoding="utf-8")
    for old, new in _ONLY_A_DEMO:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def settings(folder: Path, database_url: str, *, secrets: Path | None = None, **ports: int) -> config.Config:
    """The same, loaded, with every zone's secrets in place (copied from `secrets` when given: faster)."""
    path = write_settings(folder, database_url, **ports)
    if secrets is not None:
        shutil.copytree(secrets, folder / "secrets")
    keys.create_secrets(folder / "secrets")
    record.create(folder / "secrets")
    return config.load(path)
