"""Each node as it stands: units and their sandboxes, who may talk to whom, what agrees with what."""

import json
import re
import shlex
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab import host, places, wires
from tests.lab.host import LabRefused
from tests.lab.people import Browser
from tests.support.waiting import until

NODES = [node.name for node in places.NODES]
UNITS = ("guardian", "sender", "admin", "mail", "audit", "witness", "watch")
"""Zones and keepers."""
_JUDGED_S = 8.0  # by then keepalived has looked twice at each node
GOLDEN = places.ROOT / "tests/lab/golden/firewall.nft"


@pytest.mark.parametrize("node", NODES)
def test_nothing_has_failed(node: str) -> None:
    assert host.on(node, "systemctl list-units --failed --no-legend --plain") == ""


TIMED = (
    "recognise", "record", "logs", "doctor", "certificate",
    "backup-server", "backup@full", "backup-keys", "backup-disk", "restore-test",
)  # fmt: skip


@pytest.mark.parametrize("unit", [*UNITS, *TIMED, "room"])
def test_each_sandbox_is_tight(unit: str) -> None:
    told = host.on("n2", f"systemd-analyze security --no-pager karamail-{unit}.service")
    level = re.search(r"Overall exposure level.*: ([0-9.]+)", told)
    assert level
    assert float(level[1]) <= 2.0, told


@pytest.mark.parametrize("zone", UNITS)
def test_each_zone_runs_as_nobody_else_and_sees_only_its_own_secrets(zone: str) -> None:
    pid = host.on("n1", f"systemctl show --value --property MainPID karamail-{zone}").strip()
    assert host.on("n1", f"stat --format %U /proc/{pid}").strip() == f"karamail-{zone}"
    seen = host.on("n1", f"ls /run/credentials/karamail-{zone}.service").split()
    own = host.on("n1", f"ls /etc/karamail/secrets/{zone}").split()
    assert sorted(seen) == sorted([*own, "database.crt", "database.key"])
    with pytest.raises(LabRefused, match="Permission denied"):
        host.on("n1", f"nsenter -t {pid} -m runuser -u karamail-{zone} -- ls /etc/karamail/secrets")


@pytest.mark.parametrize("node", NODES)
def test_systemd_understands_every_line_of_our_units(node: str) -> None:
    told = host.on(
        node, "journalctl --boot --no-pager --identifier systemd | grep '/etc/systemd/system/' || true"
    )
    assert told == ""


def test_bad_configuration_is_not_tried_again() -> None:
    keep = "mv /etc/karamail/sender.toml /root/kept && cp -p /root/kept /etc/karamail/sender.toml"
    host.on("n3", f"{keep}; echo nonsense >> /etc/karamail/sender.toml")  # the same file comes back
    try:
        host.on("n3", "systemctl restart karamail-sender || true")
        until(lambda: _state("n3", "sender") == "failed", within_s=20, why="the unit gave up")
        told = host.on("n3", "systemctl show --property ExecMainStatus,NRestarts karamail-sender")
        assert "ExecMainStatus=78" in told
    finally:
        host.on("n3", "mv /root/kept /etc/karamail/sender.toml; systemctl restart karamail-sender")
    until(lambda: _state("n3", "sender") == "active", within_s=20, why="it runs again")


def _state(node: str, zone: str) -> str:
    return host.on(node, f"systemctl show --value --property ActiveState karamail-{zone}").strip()


def test_a_killed_worker_comes_back_under_its_name() -> None:
    before = _worker("n2")
    host.on("n2", f"kill -9 {before}")
    until(lambda: _worker("n2") not in ("", before), within_s=15, why="another worker")
    until(lambda: _greets("n2"), within_s=15, why="its greeting")


@pytest.fixture
def no_sender_site() -> Iterator[None]:
    """Its processes are gone on every node."""
    for node in NODES:
        host.on(node, "systemctl stop karamail-sender")
    yield
    for node in NODES:
        host.on(node, "systemctl start --no-block karamail-sender")
    for node in NODES:
        until(lambda node=node: _state(node, "sender") == "active", within_s=30, why=f"the site on {node}")


@pytest.mark.usefixtures("no_sender_site")
def test_a_site_that_is_gone_everywhere_still_has_an_address_and_words() -> None:
    time.sleep(_JUDGED_S)
    with Browser("sender") as browser:
        page = browser.open("/login")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "まだ受け付けていません" in page.text
    assert "has not been accepted" in page.text
    assert "03-0000-0000" in page.text
    with Browser("guardian") as browser:  # the others go on
        assert browser.open("/").status_code < 500


def _greets(node: str) -> bool:
    with wires.standing_in("internet"):
        try:
            with socket.create_connection((places.BY_NAME[node].front, 25), timeout=5) as door:
                return door.recv(3) == b"220"
        except OSError:
            return False


def _worker(node: str) -> str:
    told = host.on(node, "pgrep --uid karamail-mail --full 'serve mail --worker 1' || true").split()
    return told[-1] if told else ""


def test_a_mail_zone_that_is_told_to_end_does_so_in_order() -> None:
    until(lambda: _greets("n2"), within_s=15, why="its greeting")
    began = time.monotonic()
    host.on("n2", "systemctl stop karamail-mail", timeout_s=100)
    took_s = time.monotonic() - began
    told = host.on("n2", "journalctl --unit karamail-mail --since -2min --output cat")
    host.on("n2", "systemctl start karamail-mail")
    assert "process.stopping" in told
    assert host.on("n2", "systemctl show --value --property Result karamail-mail").strip() == "success"
    assert took_s < 60


def test_a_commit_is_on_two_nodes() -> None:
    told = host.on("n1", "sudo -u postgres patronictl -c /etc/patroni/config.yml list --format json")
    roles = sorted(member["Role"] for member in json.loads(told))
    assert roles == ["Leader", "Replica", "Sync Standby"]


@pytest.mark.parametrize(
    ("what", "port"), [("etcd", 2379), ("etcd between members", 2380), ("Patroni", 8008)]
)
def test_between_nodes_nobody_is_heard_without_a_certificate(what: str, port: int) -> None:
    address = places.BY_NAME["n2"].rack
    told = host.on(  # with 1.2 the refusal belongs to the handshake, and is not overtaken by a reset
        "n1",
        f"curl --silent --show-error --insecure --tls-max 1.2 --max-time 5 https://{address}:{port}/ 2>&1"
        " || true",
    )
    assert re.search("certificate required|bad certificate|alert", told), f"{what}: {told}"


def test_the_database_hears_nobody_without_a_certificate_or_in_the_clear() -> None:
    where = "host=n2 user=karamail dbname=karamail connect_timeout=5 sslmode={}"
    psql = f"psql --no-password '{where}' -c 'SELECT 1' 2>&1 || true"
    assert "pg_hba.conf rejects" in host.on("n1", psql.format("disable"))
    assert "requires a valid client certificate" in host.on("n1", psql.format("require"))


@pytest.mark.parametrize("node", NODES)
def test_the_firewall_is_the_one_on_paper(node: str) -> None:
    """Users by name, counters at nothing, and without whom the rates remember."""
    users = {line.split(":")[2]: line.split(":")[0] for line in host.on(node, "getent passwd").splitlines()}
    live = host.on(node, "nft --stateless list ruleset")
    live = re.sub(r"\n\t\telements = \{[^}]*limit rate[^}]*\}", "", live)
    for found in set(re.findall(r"skuid (?:!= )?(?:\{[^}]*\}|\d+)", live)):
        live = live.replace(found, re.sub(r"\d+", lambda match: users[match[0]], found))
    assert live == GOLDEN.read_text()


def test_from_the_internet_only_mail_and_sites_are_open() -> None:
    with ThreadPoolExecutor() as scans:  # each waits for silence most of the time
        found = list(scans.map(lambda node: _open(places.ATTACKER, node.front), places.NODES))
    assert found == [{25, 80, 443}] * 3


_RACK = (80, 2379, 2380, 2381, 5432, 6514, 7500, 8008, 8432, 9094, 9100)
_PORTS = (22, 25, 53, 123, 443, *_RACK, 8001, 8002, 8003, 9001, 9090, 9093)


def test_a_neighbour_without_a_firewall_finds_only_what_members_say_to_each_other() -> None:
    """The attacker has n1 altogether: no rule there holds him back."""
    host.on("n1", "nft insert rule inet karamail output oifname rack0 accept")
    try:
        assert _heard("n1", "root", "n2") == set(_RACK)
    finally:
        host.on("n1", "systemctl restart nftables")


@pytest.mark.parametrize(
    ("user", "ports"),
    [
        ("karamail-guardian", {5432}),
        ("karamail-mail", {5432}),
        ("karamail-watch", {5432}),
        ("postgres", {2379, 5432, 8008, 8432}),
        ("prometheus", {2381, 5432, 8008, 9094, 9100}),
    ],
)
def test_who_has_one_user_of_a_node_is_not_let_near_what_others_say(user: str, ports: set[int]) -> None:
    assert _heard("n1", user, "n2") == ports


@pytest.mark.parametrize("zone", ["guardian", "sender", "admin", "mail", "witness"])
def test_a_zone_reaches_neither_agreement_nor_alerts_of_its_own_node(zone: str) -> None:
    """It has a certificate of the rack; but it may not even knock."""
    own = places.BY_NAME["n1"].rack
    assert _knock("n1", f"karamail-{zone}", own, (*_RACK, 9090, 9093)) <= {80, 5432, 6514, 7500}
    assert not _knock("n1", f"karamail-{zone}", "127.0.0.1", (9090, 9093))


def _heard(source: str, user: str, target: str) -> set[int]:
    return _knock(source, user, places.BY_NAME[target].rack, _PORTS)


def _knock(node: str, user: str, address: str, ports: tuple[int, ...]) -> set[int]:
    """Which of the ports answer; all are asked at once, since what is closed is silent."""
    knock = f'timeout 2 bash -c "echo > /dev/tcp/{address}/$port" 2>/dev/null && echo $port'
    loop = f"for port in {' '.join(map(str, ports))}; do {{ {knock}; }} & done; wait; true"
    return {int(word) for word in host.on(node, f"runuser -u {user} -- bash -c {shlex.quote(loop)}").split()}


def _open(source: str, target: str) -> set[int]:
    """All 65,535 TCP ports, asked from one address of the internet."""
    scan = ["nmap", "-n", "-Pn", "-sS", "-S", source, "-e", "front0", "-p-", "--min-rate", "3000"]
    told = host.run(*host.inside("internet", *scan, "--max-retries", "1", "--open", "-oG", "-", target))
    return {int(port) for port in re.findall(r"(\d+)/open/tcp", told)}


def test_a_zone_cannot_call_out_what_is_not_its_own() -> None:
    before = _dropped_out("n1")
    call = f"timeout 3 bash -c 'echo > /dev/tcp/{places.GUARDIAN}/443' 2>&1; echo $?"
    told = host.on("n1", f"runuser -u karamail-sender -- {call}").strip()
    assert told.endswith("124"), told
    assert _dropped_out("n1") > before


def _dropped_out(node: str) -> int:
    told = host.on(node, "nft list chain inet karamail output")
    counted = re.search(r'counter packets (\d+) bytes \d+ comment "dropped on the way out"', told)
    assert counted
    return int(counted[1])
