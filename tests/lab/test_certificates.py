"""Certificates that the world sees: issued to each node by an authority that came to look, and renewed."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.lab import deployment, host, places
from tests.lab.authority import PUBLIC
from tests.lab.host import LabRefused
from tests.lab.places import Node
from tests.lab.shown import handshake, shown, works
from tests.support.waiting import until

NODES = [node.name for node in places.NODES]
ISSUE = "runuser -u karamail-acme -- certbot certonly --config /etc/karamail/certbot.ini --force-renewal"
TAKE = "systemctl start karamail-certificate"


def key_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_each_node_has_one_of_its_own_for_its_names() -> None:
    seen = set()
    for node in places.NODES:
        found = handshake(node.front, 25, "-starttls", "smtp", "-verify_hostname", node.mx)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(names.get_values_for_type(x509.DNSName)) == {
            *places.SITES.values(), *places.POLICY_HOSTS, node.mx,
        }  # fmt: skip
        assert shown(node).site == found.serial_number
        seen.add(key_of(found))
    assert len(seen) == len(places.NODES)


@pytest.mark.parametrize("node", places.NODES, ids=lambda node: node.name)
def test_a_new_one_is_shown_without_a_restart(node: Node) -> None:
    """One node has the sites' address, two do not: their authority asks another than them."""
    before, running, key = shown(node), works(node.name), key_of(site(node))
    until(lambda: issued(node.name), within_s=60, why="a new certificate")
    host.on(node.name, TAKE)
    until(lambda: shown(node).site != before.site, within_s=10, why="the site shows it")
    until(lambda: shown(node).mail == shown(node).site, within_s=40, why="the mail server shows it")
    assert key_of(site(node)) == key, "what stands in DNS (TLSA) stays true"
    assert works(node.name) == running


@pytest.mark.skipif(not os.environ.get("LONG"), reason="a playbook over all nodes: LONG=1")
def test_another_with_another_key_everywhere_by_one_playbook() -> None:
    """Somebody may have read the private keys."""
    before = [(key_of(site(node)), shown(node)) for node in places.NODES]
    running = [works(node.name) for node in places.NODES]
    deployment.play([], book="certificate.yml")
    for node, (old_key, old) in zip(places.NODES, before, strict=True):
        until(lambda node=node: shown(node).mail == shown(node).site, within_s=60, why="mail servers see it")
        assert shown(node).site != old.site
        assert key_of(site(node)) != old_key
    assert [works(node.name) for node in places.NODES] == running


def site(node: Node) -> x509.Certificate:
    return handshake(node.front, 443, "-servername", places.SITES["guardian"])


def issued(node: str) -> bool:
    """This authority refuses a question in twenty, to see what we do."""
    try:
        host.on(node, ISSUE)
    except LabRefused:
        return False
    return True


@pytest.fixture
def foreign() -> Iterator[None]:
    """What lies where certbot puts things is for our names, and nobody's authority."""
    live, other = "/var/lib/karamail-certificate/live/karamail", PUBLIC / "vendor.crt"
    host.on("n3", f"cp -P {live}/fullchain.pem /root/kept.pem; rm {live}/fullchain.pem")
    host.put("n3", f"{live}/fullchain.pem", other.read_text())
    yield
    host.on("n3", f"rm {live}/fullchain.pem; cp -P /root/kept.pem {live}/fullchain.pem; rm /root/kept.pem")


def test_what_is_not_ours_is_not_taken(foreign: None) -> None:
    before = shown(places.BY_NAME["n3"])
    with pytest.raises(LabRefused, match="what was in use stays"):
        host.on("n3", "/usr/local/libexec/karamail-take-certificate")
    assert shown(places.BY_NAME["n3"]) == before


def test_the_address_of_the_administration_site_tells_the_world_nothing() -> None:
    """Its port 80 is open to an authority, from anywhere."""
    asked = f"curl --silent --max-time 5 --interface {places.ATTACKER} --include"
    name = places.SITES["admin"]
    with pytest.raises(subprocess.CalledProcessError):
        curl(f"{asked} --insecure --resolve {name}:443:{places.ADMIN} https://{name}/")
    told = curl(f"{asked} --resolve {name}:80:{places.ADMIN} http://{name}/login")
    assert told.startswith("HTTP/1.1 308")
    assert "set-cookie" not in told.lower()


def curl(command: str) -> str:
    words = host.inside("internet", *command.split())
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize("user", ["root", "karamail-admin", "karamail-mail"])
def test_nobody_else_speaks_to_the_authority(user: str) -> None:
    ask = f"curl --silent --insecure --max-time 3 --output /dev/null https://{places.AUTHORITY}/dir"
    host.on("n1", f"runuser -u karamail-acme -- {ask}")
    if user == "karamail-mail":  # it may fetch policies of receivers, on the same port
        host.on("n1", f"runuser -u {user} -- {ask}")
        return
    with pytest.raises(LabRefused):
        host.on("n1", f"runuser -u {user} -- {ask}")


@pytest.mark.parametrize("node", NODES)
def test_the_private_key_is_for_those_who_need_it(node: str) -> None:
    reads = "cat /etc/karamail/tls/public.key /var/lib/karamail-certificate/live/karamail/privkey.pem"
    for user in ("karamail-guardian", "karamail-sender", "karamail-admin", "www-data"):
        with pytest.raises(LabRefused):
            host.on(node, f"runuser -u {user} -- {reads}")
    with pytest.raises(LabRefused):
        host.on(node, "runuser -u karamail-acme -- cat /etc/karamail/tls/public.key")


def test_it_renews_itself_by_the_clock() -> None:
    for node in NODES:
        timers = json.loads(host.on(node, "systemctl list-timers karamail-certificate.timer --output json"))
        assert timers[0]["next"] > 0
        assert host.on(node, "systemctl is-enabled certbot.timer || true").strip() == "disabled"
