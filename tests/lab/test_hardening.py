"""The system itself: a table of facts, who is let in, what is noticed, what a judge says of it."""

import re
import subprocess

import pytest

from tests.lab import host, places
from tests.lab.host import LabRefused
from tests.lab.judge import judged

NODES = [node.name for node in places.NODES]

FACTS = (
    ("sshd: keys only",
     "sshd -T | grep -E '^(passwordauthentication|kbdinteractiveauthentication|permitrootlogin) '",
     "permitrootlogin no\npasswordauthentication no\nkbdinteractiveauthentication no"),
    ("sshd: one host key", "sshd -T | grep '^hostkey '; ls /etc/ssh/ssh_host_*key",
     "hostkey /etc/ssh/ssh_host_ed25519_key\n/etc/ssh/ssh_host_ed25519_key"),
    ("sshd: nothing rides along",
     "sshd -T | grep -E '^(x11forwarding|allowtcpforwarding|allowagentforwarding|permittunnel) ' | sort",
     "allowagentforwarding no\nallowtcpforwarding no\npermittunnel no\nx11forwarding no"),
    ("sshd: the operator only", "sshd -T | grep '^allowusers '", "allowusers vendor"),
    ("sudo in a terminal of its own, and for five minutes",
     "visudo --check --quiet && sudo -l -U vendor | grep -o -E 'use_pty, timestamp_timeout=5'",
     "use_pty, timestamp_timeout=5"),
    ("what root installs can be read by those who run it",
     "umask; find /opt/karamail /etc/apt -maxdepth 1 ! -perm -o+r", "0022"),
    ("no password opens root", "passwd --status root | cut -d ' ' -f 2", "L"),
    ("nobody but root has uid 0", "awk -F: '$3 == 0 {print $1}' /etc/passwd", "root"),
    ("no account without a password that is not locked", "awk -F: '$2 == \"\" {print $1}' /etc/shadow", ""),
    ("users of zones can log in nowhere",
     "getent passwd | grep ^karamail- | cut -d: -f7 | sort -u", "/usr/sbin/nologin"),
    ("no redirects, no source routes",
     "sysctl --values net.ipv4.conf.all.accept_redirects net.ipv4.conf.all.send_redirects "
     "net.ipv4.conf.default.accept_source_route net.ipv4.conf.all.rp_filter | xargs", "0 0 0 1"),
    ("who has no power is given up soon",
     "sysctl --values net.ipv4.tcp_syn_retries net.ipv4.tcp_retries2 | xargs", "3 6"),
    ("no core dump", "systemctl show --value --property DefaultLimitCORE", "0"),
    ("nothing that everybody may write",
     "find /etc /usr /opt/karamail -xdev -type f -perm -0002 2>/dev/null | head", ""),
    ("secrets are root's alone",
     "find /etc/karamail/secrets /etc/karamail/database ! -user root -o -type f -perm /077 | head", ""),
    ("packages come from the bundle alone",
     "grep -rhsE '^(deb|URIs:)' /etc/apt/sources.list /etc/apt/sources.list.d",
     "URIs: file:/srv/karamail-bundle/apt"),
    ("who guesses is shut out", "fail2ban-client status sshd | grep -c 'Journal matches'", "1"),
)  # fmt: skip


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize(("fact", "command", "told"), FACTS, ids=[fact for fact, _, _ in FACTS])
def test_facts(node: str, fact: str, command: str, told: str) -> None:
    assert host.on(node, command).strip() == told, fact


@pytest.mark.parametrize(
    ("node", "user", "options"),
    [
        ("n1", "vendor", ["-o", "PubkeyAuthentication=no"]),
        ("n2", "root", ["-i", str(places.KEY)]),
        ("n3", "karamail-admin", ["-i", str(places.KEY)]),
    ],
)
def test_who_has_no_key_or_is_no_operator_is_not_let_in(node: str, user: str, options: list[str]) -> None:
    """Once on each node: whoever fails five times there is shut out, and we come from the same address."""
    words = host.inside(
        "wire", "ssh", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={places.KNOWN_HOSTS}",
        "-o", "IdentitiesOnly=yes", *options, f"{user}@{places.BY_NAME[node].rack}", "true",
    )  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr
    assert "evidence" in done.stderr, "the words before a login"


def test_who_fails_too_often_is_shut_out_and_let_in_again() -> None:
    host.on("n1", "fail2ban-client set sshd banip 10.77.0.99")
    try:
        rules = host.on("n1", "nft list ruleset")
        assert re.search(r"elements = \{ 10\.77\.0\.99 \}", rules)
        assert re.search(r"tcp dport .*@addr-set-sshd reject", rules)
    finally:
        host.on("n1", "fail2ban-client set sshd unbanip 10.77.0.99")
    assert "10.77.0.99" not in host.on("n1", "nft list ruleset")


def test_a_file_that_somebody_changed_is_found_that_night_and_the_node_is_in_alarm() -> None:
    host.on("n3", "mv /usr/sbin/nft /root/kept; (cat /root/kept; echo) > /usr/sbin/nft")
    try:
        with pytest.raises(LabRefused):
            host.on("n3", "systemctl start karamail-integrity", timeout_s=300)
        told = host.on("n3", "journalctl --unit karamail-integrity --since -5min --output cat")
        assert re.search(r"^f .* /usr/sbin/nft$", told, re.MULTILINE)
        assert "files differ from what was installed" in told
    finally:
        host.on("n3", "mv /root/kept /usr/sbin/nft")
    host.on("n3", "systemctl start karamail-integrity", timeout_s=300)


def test_what_is_compared_with_is_known_to_every_member() -> None:
    digest = host.on("n3", "sha256sum /var/lib/karamail-integrity/base.db").split()[0]
    for node in NODES:
        assert host.on(node, f"grep -rl {digest} /var/log/karamail/n3 | head -1").strip(), node


def test_the_judge_of_hardening_has_little_to_say_and_all_of_it_is_explained() -> None:
    index, unexplained = judged("n2")
    assert index >= 85
    assert unexplained == set()
