"""Every node is watched by every other, and whoever looks after them is told by two ways."""

import email
import email.policy
import json
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.carriers.mailboxes import Mail
from tests.lab import host, people, places, ward, wires
from tests.lab.authority import PUBLIC
from tests.lab.people import Browser
from tests.support.receiver import Receiver
from tests.support.waiting import until

NODES = [node.name for node in places.NODES]
RULES = places.ROOT / "ansible/roles/monitoring/files/rules.yml"
DASHBOARD = places.ROOT / "ansible/roles/monitoring/files/dashboard.json"
STORIES = Path(__file__).with_name("alerts.yml")
_OPERATOR = "john"
"""Whose mailbox is `alerts_mail_to` of the lab's inventory."""
_SETTLED_S = 20.0  # by then the second and third Alertmanager would have sent theirs
_TOLD_S = 300.0
"""A minute until it is an alert, and a round each of Prometheus, Alertmanager, watch and mail worker."""


def ask(node: str, question: str) -> list[dict[str, Any]]:
    """What the node's Prometheus answers."""
    query = shlex.quote(f"query={question}")
    told = host.on(node, f"curl --silent --get --data-urlencode {query} http://127.0.0.1:9090/api/v1/query")
    answer = json.loads(told)
    assert answer["status"] == "success", answer
    rows: list[dict[str, Any]] = answer["data"]["result"]
    return rows


def values(node: str, question: str, label: str) -> dict[str, float]:
    return {row["metric"][label]: float(row["value"][1]) for row in ask(node, question)}


@pytest.mark.parametrize("node", NODES)
def test_each_node_sees_every_member(node: str) -> None:
    for job in ("node", "patroni", "etcd"):
        seen = f'up{{job="{job}"}}'
        until(
            lambda seen=seen: values(node, seen, "instance") == dict.fromkeys(NODES, 1),
            within_s=40, why=f"{job} of each member",
        )  # fmt: skip


def test_every_zone_has_its_figures() -> None:
    with Browser("guardian") as browser:
        browser.open("/")
    question = 'sum by (zone) (karamail_requests_total{zone="guardian"})'
    until(
        lambda: values("n2", question, "zone").get("guardian", 0) > 0, within_s=40, why="the page was counted"
    )
    zones = set(values("n2", "sum by (zone) (karamail_events_total)", "zone"))
    assert zones == {"guardian", "sender", "admin", "mail", "audit", "witness", "watch"}
    workers = {row["metric"]["node"] for row in ask("n2", "karamail_workers")}
    assert workers == set(NODES)


@pytest.mark.parametrize("node", NODES)
def test_the_doctor_of_every_node_is_read_on_each(node: str) -> None:
    told = host.on(node, "karamail doctor --all-nodes --json || true")
    report = json.loads(told)
    answering = [
        row["what"] for row in report["findings"] if row["area"] == "nodes" and row["status"] == "ok"
    ]
    assert [what.split(" ")[0] for what in answering] == NODES, told


@pytest.mark.parametrize(
    ("what", "port", "certificate"),
    [
        ("figures, to nobody", 9100, ""),
        ("figures, to a zone", 9100, "mail"),
        ("Alertmanager, to nobody", 9094, ""),
        ("Alertmanager, to a zone", 9094, "mail"),
        ("figures of etcd, to nobody", 2381, ""),  # to zones the firewall is closed
    ],
)
def test_figures_are_not_told_to_whoever_asks(what: str, port: int, certificate: str) -> None:
    """The attacker has all of n1."""
    file = f"/etc/karamail/database/{certificate}"
    own = f"--cert {file}.crt --key {file}.key" if certificate else ""
    host.on("n1", "nft insert rule inet karamail output oifname rack0 accept")
    try:
        url = f"https://{places.BY_NAME['n2'].rack}:{port}/metrics"
        told = host.on("n1", f"curl --silent --show-error --insecure --max-time 5 {own} {url} 2>&1 || true")
    finally:
        host.on("n1", "systemctl restart nftables")
    assert "certificate" in told or "alert" in told, f"{what}: {told}"


def test_the_rules_tell_the_stories_that_they_should() -> None:
    host.put("n1", "/run/stories/rules.yml", RULES.read_text())
    host.put("n1", "/run/stories/alerts.yml", STORIES.read_text())
    told = host.on("n1", "cd /run/stories && promtool test rules alerts.yml 2>&1; rm -r /run/stories")
    assert "SUCCESS" in told, told


def test_every_picture_of_the_dashboard_shows_something() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in panels:
        for target in panel["targets"]:
            rows = ask("n1", target["expr"])  # it is understood
            if not re.search("hour_|requests|waiting|settled", target["expr"]):  # there even if nobody sends
                assert rows, panel["title"]


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Receiver]:
    """The vendor's own mail server."""
    own = (PUBLIC / "vendor.crt", PUBLIC / "vendor.key")
    with wires.standing_in("internet"):
        server = Receiver(places.VENDOR, 2525, tmp_path, tls=own)
        server.start()
    yield server
    server.stop()


@pytest.fixture
def broken() -> Iterator[tuple[str, str]]:
    """Somebody has spoilt a zone's settings on a node, of which nobody has been told yet: node and unit."""
    known = ward.python("n1", _TOLD).split()
    units = ((node, zone) for zone in ("sender", "guardian", "admin") for node in reversed(NODES))
    node, zone = next(each for each in units if f"{each[0]}:karamail-{each[1]}.service" not in known)
    settings, unit = f"/etc/karamail/{zone}.toml", f"karamail-{zone}.service"
    host.on(node, f"cp -p {settings} /root/kept; echo nonsense >> {settings}")
    host.on(node, f"systemctl restart {unit} || true")
    yield node, unit
    host.on(node, f"mv /root/kept {settings}; systemctl reset-failed {unit}; systemctl restart {unit}")


_TOLD = """
from pathlib import Path
from appliance import config, db
from appliance.models import Fault

db.connect(config.load(Path("/etc/karamail/operator.toml")))
print(*(f"{row.node}:{row.area}" for row in Fault.select()))
"""


def test_a_site_that_has_failed_is_told_by_letter_and_by_the_vendors_own_mail(
    broken: tuple[str, str], vendor: Receiver
) -> None:
    node, unit = broken
    operator = people.phone(_OPERATOR)

    def letters() -> list[str]:
        return [text(mail) for mail in people.inbox(operator) if f"BROKEN   {node} {unit}" in text(mail)]

    until(letters, within_s=_TOLD_S, why="the letter")
    (letter,) = letters()
    assert f"{unit} has failed on {node}." in letter
    assert f"To do: on {node}: `systemctl status {unit}`" in letter
    told = f"broken: {node} {unit} (UnitFailed, since"

    def outside() -> list[str]:
        return [body(mail.content) for mail in vendor.mails() if told in body(mail.content)]

    until(outside, within_s=_TOLD_S, why="the other way")
    time.sleep(_SETTLED_S)
    assert len(outside()) == 1, "three Alertmanagers, one mail"


def text(mail: Mail) -> str:
    return body(mail.content)


def body(content: bytes) -> str:
    found = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
    assert found is not None
    return str(found.get_content())
