"""`karamail serve mail-workers`: every mail worker of a node, as one service.

Owns supervisor's configuration for them: one process per `mail.workers`, each with a name that stays, so
that it finds its journal again. Refuses other zones: a sandbox holds one. Fails before anything starts, with
exit code 78, on bad configuration or a missing secret; a worker that ends so later stays down, any other
comes back.
"""

import os
import shutil
import sys
from pathlib import Path

from appliance.config import Config, Zone
from appliance.keystore import open_keyring

_HEAD = """\
; Written by karamail serve mail-workers at every start.
[supervisord]
nodaemon=true
silent=true
user={user}
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/supervisord.pid
"""
_WORKER = """
[program:mail-{number}]
command={command}
autorestart=unexpected
exitcodes=78
startsecs=1
startretries=1000000
stopsignal=TERM
stopwaitsecs=60
stdout_logfile=NONE
stderr_logfile=NONE
"""


def run(config_path: Path, config: Config) -> None:
    """Checks what can be checked, then becomes supervisord. Raises `SecretMissing`."""
    open_keyring(config, Zone.MAIL)
    folder = Path(os.environ.get("RUNTIME_DIRECTORY", config.relay.spool_dir))
    conf = folder / "supervisord.conf"
    conf.write_text(configuration(config_path, config, folder), encoding="utf-8")
    os.execv(sys.executable, [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)])  # noqa: S606


def configuration(config_path: Path, config: Config, folder: Path) -> str:
    """supervisord.conf. Under systemd each worker writes to the journal itself, under its own name."""
    karamail = [sys.executable, "-m", "cli.main", "--config", str(config_path), "serve", "mail", "--worker"]
    parts = [_HEAD.format(folder=folder, user=os.getuid())]
    for number in range(1, config.mail.workers + 1):
        command = [*karamail, str(number)]
        if shutil.which("systemd-cat"):
            command = ["systemd-cat", f"--identifier=karamail-mail-{number}", *command]
        words = " ".join(command).replace("%", "%%")
        parts.append(_WORKER.format(number=number, command=words))
    return "".join(parts)
