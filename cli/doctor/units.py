"""systemd's own view: units that have failed.

Owns asking `systemctl` once. Refuses to start or reset anything. On a machine without systemd there is no
finding.
"""

import shutil
import subprocess
from collections.abc import Iterator

from cli.doctor.finding import Finding, broken, ok, warning

AREA = "units"
_PATIENCE_S = 10.0
_OURS = ("karamail-", "patroni", "etcd", "nginx", "keepalived", "unbound", "rsyslog", "nftables", "chrony")


def failed() -> Iterator[Finding]:
    """Ours are broken; any other is a warning."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return
    try:
        told = subprocess.run(  # noqa: S603  # fixed words
            [systemctl, "list-units", "--failed", "--plain", "--no-legend"],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=True,
        )  # fmt: skip
    except subprocess.SubprocessError:
        return
    names = [line.split()[0] for line in told.stdout.splitlines() if line.strip()]
    for name in names:
        report = broken if name.startswith(_OURS) else warning
        yield report(
            AREA, f"{name} has failed", "what it does is not done; see which it is.",
            f"`systemctl status {name}`, `journalctl -u {name}`; then `systemctl reset-failed {name}`.",
        )  # fmt: skip
    if not names:
        yield ok(AREA, "no unit has failed")
