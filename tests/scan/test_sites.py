"""The three sites under a scanner that is not ours (wapiti), as a stranger and in every role.

Real gunicorns by plain http on loopback, so that two findings stand to reason and are named in `BY_HTTP`;
tests/web/matrix/test_hardening.py holds both by https. Every scan is bounded in time. Afterwards the site
still answers, has logged no fault, and no school has changed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import config as configuration
from appliance import db, token
from appliance.config import Config, Zone
from appliance.models import Account, School
from appliance.registration.request import link_token
from tests.support.programs import WAPITI
from tests.support.settings import write_settings
from tests.support.sites import RunningSite, Visit
from tests.support.waiting import free_ports
from tests.web.staff.ward import PASSWORD, Ward, furnish

pytestmark = [
    pytest.mark.long, pytest.mark.slow, pytest.mark.wapiti, pytest.mark.postgres, pytest.mark.timeout(600),
]  # fmt: skip

# Those that ask a host of the scanner's makers (ssrf, xxe) stay out: nothing leaves this machine.
MODULES = (
    "backup,blindsql,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,methods,permanentxss,redirect,"
    "sql,xss"
)
BY_HTTP = {"Secure Flag cookie", "HTTP Secure Headers"}
SCAN_S, ATTACK_S = 120, 20


@pytest.fixture
def ward(postgres_url: str, tmp_path: Path, secrets: Path) -> Iterator[Ward]:
    """Three sites under the address at which they listen."""
    numbers = free_ports(3)
    ports = dict(zip(("guardian_port", "sender_port", "admin_port"), numbers, strict=True))
    path = write_settings(tmp_path, postgres_url, **ports)
    text = path.read_text(encoding="utf-8")
    for number, (zone, port) in enumerate(
        zip(("guardian", "sender", "admin"), numbers, strict=True), start=1
    ):
        text = text.replace(f"http://{zone}.midori.example", f"http://127.0.0.{number}:{port}")
        text = text.replace(f'listen = "127.0.0.1:{port}"', f'listen = "127.0.0.{number}:{port}"')
    path.write_text(text, encoding="utf-8")
    shutil.copytree(secrets, tmp_path / "secrets")
    config: Config = configuration.load(path)
    db.connect(config)
    yield furnish(config)
    db.vanish()


def scan(
    site: RunningSite, folder: Path, cookies: dict[str, str], path: str = "/"
) -> dict[str, list[object]]:
    """Findings by kind."""
    report = folder / "report.json"
    command = [
        WAPITI, "-u", site.origin + path, "--scope", "folder", "-m", MODULES, "-f", "json", "-o", report,
        "--max-scan-time", str(SCAN_S), "--max-attack-time", str(ATTACK_S), "--store-session", str(folder),
        "--flush-session", "--no-bugreport", "-v", "0", "-x", f"{site.origin}/logout*", "-S", "normal",
    ]  # fmt: skip
    if cookies:
        command += ["-H", "Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items())]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SCAN_S + 300, cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )  # fmt: skip
    assert report.exists(), done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["infos"]["crawled_pages_nbr"] >= (5 if cookies else 1), found["infos"]
    rows = found["vulnerabilities"] | found["anomalies"]
    return {kind: entries for kind, entries in rows.items() if entries}


@pytest.mark.parametrize(
    ("zone", "who"),
    [
        (Zone.GUARDIAN, "stranger"), (Zone.GUARDIAN, "with a link"), (Zone.SENDER, "stranger"),
        (Zone.SENDER, "kocho"), (Zone.ADMIN, "stranger"), (Zone.ADMIN, "kocho"), (Zone.ADMIN, "kutan"),
        (Zone.ADMIN, "itaku"), (Zone.ADMIN, "kansa"),
    ],
)  # fmt: skip
def test_the_scanner_finds_nothing(ward: Ward, tmp_path: Path, zone: Zone, who: str) -> None:
    with RunningSite(tmp_path, ward.config, zone) as site:
        visit = Visit(site)
        path = "/"
        before = _people()
        if zone is Zone.GUARDIAN:
            if who != "stranger":
                path = f"/r/{_link(ward)}"
        elif who != "stranger":
            visit.login(who, PASSWORD)
        found = scan(site, tmp_path, visit.cookies, path)
        assert {kind: rows for kind, rows in found.items() if kind not in BY_HTTP} == {}
        assert visit.open("/healthz")[0] == 204
        assert '"unexpected"' not in site.log.read_text()
        assert {row.name for row in School.select()} == {"みどり第一小学校", "わかば幼稚園"}
        assert _people() == before


def _people() -> set[tuple[str, str]]:
    """Whose login stands how."""
    return {(row.login_id, row.state) for row in Account.select()}


def _link(ward: Ward) -> str:
    return token.write(link_token(ward.keyring(Zone.MAIL), ward.ask("tester@example.jp")))
