"""Logs: every member has every member's lines, over days sealed, and no family is in any of them."""

import json
import re
import shlex
from uuid import uuid4

import pytest

from tests.lab import host, people, places
from tests.lab.host import LabRefused
from tests.lab.lines import has, write
from tests.lab.people import Browser
from tests.lab.probes import log_in
from tests.lab.test_story import text_of
from tests.lab.ward import Founded
from tests.support.waiting import until

NODES = [node.name for node in places.NODES]
_ARRIVES_S = 60.0
_LATER_S = 150.0
"""A member that is away is tried again after a minute at most."""


@pytest.mark.parametrize("node", NODES)
def test_a_line_of_one_node_is_kept_by_all(node: str) -> None:
    words = write(node)
    for keeper in NODES:
        until(
            lambda keeper=keeper: has(keeper, words, of=node),
            within_s=_ARRIVES_S,
            why=f"the line on {keeper}",
        )


def test_a_node_that_was_away_gets_what_it_missed() -> None:
    host.on("n3", "systemctl stop rsyslog syslog.socket")
    try:
        words = write("n1")
        until(
            lambda: has("n2", words, of="n1"), within_s=_ARRIVES_S, why="the line on the node that is there"
        )
    finally:
        host.on("n3", "systemctl start rsyslog")
    until(lambda: has("n3", words, of="n1"), within_s=_LATER_S, why="the line on the node that was away")


@pytest.mark.parametrize(
    ("certificate", "heard"),
    [
        ("", False),
        ("-cert /etc/patroni/tls/member.crt -key /etc/patroni/tls/member.key", False),
        ("-cert /etc/rsyslog.d/tls/logs.crt -key /etc/rsyslog.d/tls/logs.key", True),
    ],
    ids=["none", "another of the same node", "that for logs"],
)
def test_only_who_has_a_nodes_certificate_for_logs_is_heard(certificate: str, heard: bool) -> None:
    words = f"heard-{uuid4().hex}"
    line = f"<13>1 2026-11-27T07:00:00+09:00 n1 somebody - - - {words}"
    target = f"{places.BY_NAME['n2'].rack}:6514"
    call = f"(echo '{line}'; sleep 1) | openssl s_client -connect {target} {certificate}"
    host.on("n1", f"{call} >/dev/null 2>&1; true")
    proof = write("n1")
    until(lambda: has("n2", proof, of="n1"), within_s=_ARRIVES_S, why="a line after it")
    assert has("n2", f"'somebody {words}'", of="n1") == heard


def test_a_day_that_is_over_is_sealed_and_an_altered_line_is_found() -> None:
    path = "/var/log/karamail/n2/2026-01-05.log"
    host.on("n1", f"[ -e {path}.gz ] || echo 'what happened on that day' > {path}")
    host.on("n1", "systemctl start karamail-logs")
    link = json.loads(host.on("n1", "karamail logs verify --json"))["chain"]
    until(lambda: has("n3", link, of="n1"), within_s=_ARRIVES_S, why="the link, kept by another node")

    host.on("n1", f"cp {path}.gz /root/kept.gz; echo 'something else' | gzip > {path}.gz")
    try:
        with pytest.raises(LabRefused, match=r"DIFFERENT: n2/2026-01-05 is not the file that was sealed"):
            host.on("n1", "karamail logs verify")
    finally:
        host.on("n1", f"mv /root/kept.gz {path}.gz")
    assert json.loads(host.on("n1", f"karamail logs verify --json --against {link}"))["whole"]


@pytest.mark.parametrize("node", NODES)
def test_the_doctor_finds_the_logs_in_order(node: str) -> None:
    told = json.loads(host.on(node, "karamail doctor --json --only logs"))
    assert told["status"] == "ok", told


def test_the_months_sheet_knows_of_the_login_and_of_the_operator(school: Founded) -> None:
    log_in()
    month = host.on("n1", "date +%Y-%m").strip()
    told = json.loads(host.on("n1", f"karamail report access {month} --json"))
    assert told["acts"]["login"] > 0
    assert told["sites"][places.SITES["admin"]]["requests"] > 0
    assert {row["who"] for row in told["entered"]} == {"vendor"}
    assert told["as_root"]["vendor"] > 0


CHILD, GUARDIAN, BOX, TYPED = "金糸雀ひな", "金糸雀太郎", "mika..t", "uguisu-no-tani-wataru-4"


@pytest.fixture(scope="module")
def token(school: Founded) -> str:
    """A guardian with names that nobody else has registers, and somebody tries a wrong password."""
    phone = people.phone("mika")
    before = len(people.inbox(phone))
    until(
        lambda: people.send_empty_mail(phone, school.code, places.BY_NAME["n2"])[0] == 250,
        within_s=60,
        why="250",
    )
    until(lambda: len(people.inbox(phone)) > before, within_s=60, why="the reply")
    link = re.search(
        rf"https://{re.escape(places.SITES['guardian'])}(/r/(\S+))", text_of(people.inbox(phone)[0])
    )
    assert link
    with Browser("guardian") as browser:
        page = browser.open(f"{link[1]}/class")
        (class_, *_) = re.findall(r'name="school_class"[^>]*value="(\d+)"', page.text)
        answers = {"school_class": class_, "child_name": CHILD, "guardian_name": GUARDIAN}
        page = browser.open(f"{link[1]}/names?school_class={class_}")
        page = browser.submit(f"{link[1]}/check", page, **answers)
        assert CHILD in page.text
        page = browser.submit(f"{link[1]}/done", page, **answers)
        assert page.status_code == 200
    with Browser("admin") as browser:
        page = browser.open("/login")
        browser.submit("/login", page, login_id="kouchou", password=TYPED)
    return link[2]


@pytest.fixture(scope="module")
def site_gone(token: str) -> None:
    """The guardian's link is opened while nobody is behind the proxy."""
    for node in NODES:
        host.on(node, "systemctl stop karamail-guardian")
    try:
        with Browser("guardian") as browser:
            assert browser.open(f"/r/{token}").status_code == 503
    finally:
        for node in NODES:
            host.on(node, "systemctl start --no-block karamail-guardian")


@pytest.mark.usefixtures("site_gone")
@pytest.mark.parametrize("node", NODES)
def test_no_family_no_link_and_no_password_is_in_any_log_of_any_node(node: str, token: str) -> None:
    proof = write("n1")
    until(lambda: has(node, proof, of="n1"), within_s=_ARRIVES_S, why="all lines before this one")
    everything = (
        "(journalctl --all --no-pager; find /var/log /var/spool/rsyslog -type f ! -path '/var/log/journal/*'"
        r" -exec zcat --force {} +)"
    )
    found = host.on(
        node, f"printf '%s\\n' {shlex.join((CHILD, GUARDIAN, BOX, token, TYPED))} > /root/canaries; "
        f"{everything} | grep --text --fixed-strings --file /root/canaries | grep -v canaries | head -n 5; "
        f"{everything} | grep --text --count --fixed-strings {proof}; rm /root/canaries",
        timeout_s=120,
    )  # fmt: skip
    *heard, proofs = found.splitlines()
    assert int(proofs) >= 1, "nothing was searched"
    assert heard == []
