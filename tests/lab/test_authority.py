"""The rack gets another authority while it serves, and who has a certificate of the old one is a stranger.

make lab-test LONG=1 ARGS=tests/lab/test_authority.py
"""

import json
import os
import time
from pathlib import Path

import pytest

from tests.lab import deployment, host, places, strikes
from tests.lab.probes import Probe, log_in
from tests.lab.ward import Founded
from tests.support.waiting import until

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LONG"), reason="goes three times around the rack: LONG=1"),
    pytest.mark.timeout(1800),
]
_BAR_S = 30.0
_MEMBER = places.SECRETS / "rack" / "n3"


def shown(address: str, port: int, *more: str) -> str:
    """Who signed what is shown there."""
    command = f"timeout 5 openssl s_client -connect {address}:{port} {' '.join(more)} </dev/null 2>/dev/null"
    return host.on("n2", f"{command} | openssl x509 -noout -issuer").strip()


def asks_etcd(folder: str) -> str:
    """As somebody in the rack with these files."""
    own = f"--cert {folder}/member.crt --key {folder}/member.key --insecure --max-time 5"
    url = f"https://{places.BY_NAME['n1'].rack}:2379/health"
    return host.on("n2", f"curl --silent --tls-max 1.2 {own} {url} || true")


def test_another_authority_and_nobody_waits_long(school: Founded) -> None:
    until(strikes.whole, within_s=60, why="three members in order")
    stolen = {name: (_MEMBER / name).read_text() for name in ("member.crt", "member.key")}
    for name, text in stolen.items():
        host.put("n2", f"/root/stolen/{name}", text)
    before = shown(places.BY_NAME["n1"].rack, 2379)
    assert "true" in asks_etcd("/root/stolen")
    with Probe(log_in) as login:
        until(lambda: login.works_since(0), within_s=30, why="all is well before")
        began_s = time.monotonic()
        deployment.play([], book="authority.yml")
        until(lambda: login.works_since(time.monotonic() - 5), within_s=60, why="a login")
        longest_s = login.longest_pause_s(began_s)
    print(f"no login for {longest_s:.0f} s at the longest")
    assert longest_s < _BAR_S
    assert shown(places.BY_NAME["n1"].rack, 2379) != before
    assert asks_etcd("/root/stolen") == ""
    host.on("n2", "rm -r /root/stolen")
    assert not list(Path(places.SECRETS / "rack").glob("former*"))


def test_all_speak_to_each_other_under_it() -> None:
    rack = {node.name: node.rack for node in places.NODES}
    signed = {
        *(shown(address, port) for address in rack.values() for port in (2379, 2380, 8008, 8432)),
        *(shown(address, 5432, "-starttls postgres") for address in rack.values()),
    }  # fmt: skip
    assert len(signed) == 1
    until(strikes.whole, within_s=60, why="three members in order")
    leader = strikes.leader().name
    host.on(leader, "cd /; runuser -u postgres -- pgbackrest --stanza=karamail check", timeout_s=120)
    for node in places.NODES:
        word = f"believed-{node.name}-{time.time():.0f}"
        host.on(node.name, f"logger {word}")
        for other in places.NODES:
            until(
                lambda o=other.name, w=word: word_is_there(o, w), within_s=30, why=f"{word} on {other.name}"
            )
        until(lambda n=node.name: all_up(n), within_s=60, why=f"{node.name} sees every member")


def word_is_there(node: str, word: str) -> bool:
    return word in host.on(node, f"grep -rhs {word} /var/log/karamail || true")


def all_up(node: str) -> bool:
    ask = "curl --silent 'http://127.0.0.1:9090/api/v1/query?query=min(up)'"
    told = json.loads(host.on(node, ask))
    return bool(told["data"]["result"]) and told["data"]["result"][0]["value"][1] == "1"
