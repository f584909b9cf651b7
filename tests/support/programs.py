"""Which programs of Debian's are on this machine, and why a tier of tests cannot run without them.

Each function answers with the reason, or None when the tier can run.
"""

import os
import shutil
from pathlib import Path


def why_no_postgres() -> str | None:
    if postgres_programs() is None:
        return "PostgreSQL's server programs are not on this machine (apt-get install postgresql)"
    return None


def why_no_postfix() -> str | None:
    if postfix_programs() is None:
        return "Postfix is not on this machine (apt-get install postfix)"
    if os.geteuid() != 0:
        return "Postfix starts only as root"
    return None


def why_no_opendkim() -> str | None:
    return (
        None
        if shutil.which("opendkim", path=_SBIN)
        else "OpenDKIM is not on this machine (apt-get install opendkim)"
    )


def why_no_mailauth() -> str | None:
    if shutil.which("node") is None:
        return "node is not on this machine (apt-get install nodejs npm, then `make judges`)"
    if not _MAILAUTH.exists():
        return "mailauth is not in tests/judges/node_modules (`make judges`)"
    return None


def why_no_chromium() -> str | None:
    return None if chromium() else "Chromium is not on this machine (apt-get install chromium)"


def why_no_wapiti() -> str | None:
    return None if WAPITI.exists() else "wapiti is not in .venv-scan (`make scan` installs it)"


WAPITI = Path(__file__).resolve().parents[2] / ".venv-scan" / "bin" / "wapiti"
"""In an environment of its own: the appliance shares no package with it."""
_MAILAUTH = (
    Path(__file__).resolve().parents[1] / "judges" / "node_modules" / "mailauth" / "bin" / "mailauth.js"
)
_SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, of the newest version there is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def postfix_programs() -> Path | None:
    """The `postfix` command."""
    found = shutil.which("postfix", path=_SBIN)
    return Path(found) if found else None


def chromium() -> Path | None:
    """Debian's browser, for playwright's `executable_path`."""
    found = shutil.which("chromium")
    return Path(found) if found else None


def mailauth() -> list[str]:
    """How mailauth, an npm package, is called."""
    return ["node", str(_MAILAUTH)]


TIERS = {
    "postgres": why_no_postgres,
    "postfix": why_no_postfix,
    "chromium": why_no_chromium,
    "wapiti": why_no_wapiti,
}
