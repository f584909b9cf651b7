"""What the runbook tells an operator to type (docs/operations.md, Operating a rack), typed."""

import re
import subprocess
import time
from pathlib import Path

from tests.lab import deployment, host, places, strikes
from tests.lab.people import Browser
from tests.lab.probes import Probe, log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

_PATRONICTL = "patronictl -c /etc/patroni/config.yml"
_BAR_S = 30.0


def holder() -> str:
    """The node that has the sites' address."""
    ask = f"ip -brief address show | grep -c '{places.VIRTUAL}/' || true"
    (found,) = [node.name for node in places.NODES if host.on(node.name, ask).strip() == "1"]
    return found


def test_fail_over_by_hand_and_people_wait_for_seconds(school: Founded) -> None:
    until(strikes.whole, within_s=60, why="three members in order")
    leads = strikes.leader().name
    standby = next(each["Member"] for each in strikes.members() if each["Role"] == "Sync Standby")
    with Probe(log_in) as login:
        until(lambda: len(login.attempts) > 2, within_s=30, why="people log in")
        began_s = time.monotonic()
        told = host.on("n1", f"{_PATRONICTL} switchover --leader {leads} --candidate {standby} --force")
        until(strikes.whole, within_s=60, why="three members in order")
        until(lambda: login.works_since(began_s), within_s=_BAR_S, why="a login")
        time.sleep(3)
    assert f'Successfully switched over to "{standby}"' in told
    assert strikes.leader().name == standby
    assert login.outage_s(began_s, time.monotonic()) < _BAR_S


def test_the_address_of_the_sites_is_sent_elsewhere_and_stays_there() -> None:
    had = holder()
    host.on(had, "systemctl stop keepalived")
    try:
        until(lambda: holder() != had, within_s=15, why="another node has it")
        has = holder()
        with Browser("guardian") as browser:
            assert browser.open("/").status_code < 500
    finally:
        host.on(had, "systemctl start keepalived")
    time.sleep(5)
    assert holder() == has, "who comes back interrupts nobody"


def test_without_the_nodes_password_a_certificate_restarts_nobody() -> None:
    """Prometheus may look at Patroni with a certificate of the rack; an attacker who is Prometheus, too."""
    own = "--cert /etc/prometheus/tls/monitoring.crt --key /etc/prometheus/tls/monitoring.key"
    ask = (
        f"runuser -u prometheus -- curl --silent --cacert /etc/karamail/rack/authority.crt {own} --max-time 5"
    )
    assert "patroni_primary" in host.on("n1", f"{ask} https://n2:8008/metrics")
    told = host.on("n1", f"{ask} -X POST --write-out '%{{http_code}}' https://n2:8008/restart")
    assert told.endswith("401")


def test_an_installation_changes_no_version_that_serves(tmp_path: Path) -> None:
    """Somebody has a newer bundle on his laptop, and only wants to change a setting."""
    for name in ("VERSION", "SHA256SUMS"):
        (tmp_path / name).write_text("0.9.0+newer")
    words = deployment.command("site.yml", ["-e", f"bundle_folder={tmp_path} inventory_may_upgrade=false"])
    done = subprocess.run(words, cwd=deployment.ANSIBLE, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "take upgrade.yml" in " ".join(done.stdout.split())
    assert not re.search(r"changed=[1-9]", done.stdout)
