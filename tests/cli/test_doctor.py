"""`karamail doctor` at a node with one thing wrong at a time: it says what, what it means, and what to do."""

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from appliance import clock, db
from appliance.config import Config
from appliance.keys import signing
from appliance.keys.signing import KeyState
from tests.cli.conftest import PTR, Karamail, faults, findings, give_certificate
from tests.e2e.house import Names

# --- DNS


@pytest.fixture
def zone(node: Path, karamail: Karamail, names: Names) -> str:
    """Everything that `karamail dns` prints is published, and the provider has set the PTR."""
    text = karamail("dns").output + PTR
    names.zone(text)
    return text


def test_what_karamail_dns_prints_is_what_the_doctor_wants(zone: str, karamail: Karamail) -> None:
    assert faults(karamail, "dns") == []
    assert len(findings(karamail, "dns")) > 20


@pytest.mark.parametrize(
    ("before", "after", "status", "words"),
    [
        ("touroku.midori.example. IN MX", "x.example. IN MX", "broken", "MX of touroku.midori.example"),
        ("bounce.midori.example. IN MX 10 mx.", "bounce.midori.example. IN MX 10 a.", "broken", "lacks mx."),
        (PTR, PTR.replace("mx.", "host5."), "broken", "lacks mx.midori.example"),
        (PTR, "", "broken", "PTR of 5.113.0.203.in-addr.arpa: the name does not exist"),
        ("a:mx.midori.example -all", "a:mx.midori.example ?all", "broken", "it forbids nobody"),
        ("p=quarantine", "p=none", "broken", "lets forged mail through"),
        ("v=DKIM1; k=ed25519; p=", "v=DKIM1; k=ed25519; p=x", "broken", "another key"),
        ("v=STSv1; id=", "v=STSv1; id=0", "warning", "differs"),
        ("TLSA 3 1 1 ", f"TLSA 3 1 1 {'0' * 64} ; ", "broken", "another key than that of mail.tls_cert"),
        ('sender.midori.example. IN CAA 0 issue "letsencrypt.org"',
         'sender.midori.example. IN CAA 0 issue "ca.example"', "broken", "forbids letsencrypt.org"),
        ("mx.midori.example. IN A 203.0.113.5", "mx.midori.example. IN A 203.0.113.6", "broken", "lacks 203"),
    ],
)  # fmt: skip
def test_one_wrong_record_is_named(
    zone: str, names: Names, karamail: Karamail, before: str, after: str, status: str, words: str
) -> None:
    assert before in zone
    changed = zone.replace(before, after)
    names.zone(changed)
    found_faults = faults(karamail, "dns")
    assert any(each == status and words in what for each, what in found_faults), found_faults


def test_two_spf_records_are_one_too_many(zone: str, names: Names, karamail: Karamail) -> None:
    names.zone(zone + 'bounce.midori.example. IN TXT "v=spf1 include:old.example -all"\n')
    ((status, what),) = faults(karamail, "dns")
    assert status == "broken"
    assert "2 records that begin with v=spf1" in what


def test_a_stricter_dmarc_policy_is_welcome(zone: str, names: Names, karamail: Karamail) -> None:
    names.zone(zone.replace("p=quarantine", "p=reject"))
    assert faults(karamail, "dns") == []


def test_a_key_that_waits_for_its_record_is_a_warning_only(zone: str, karamail: Karamail) -> None:
    karamail("dkim", "new")
    assert {status for status, _ in faults(karamail, "dns")} == {"warning"}


def test_the_caa_of_the_ward_counts_for_its_hosts(zone: str, names: Names, karamail: Karamail) -> None:
    without = "\n".join(line for line in zone.splitlines() if " CAA " not in line)
    names.zone(without + '\nmidori.example. IN CAA 0 issue "letsencrypt.org"\n')
    assert faults(karamail, "dns") == []


def test_an_unsigned_zone_needs_no_tlsa(zone: str, names: Names, karamail: Karamail) -> None:
    names.zone("\n".join(line for line in zone.splitlines() if " TLSA " not in line))
    assert faults(karamail, "dns") == []


def test_without_configured_addresses_the_name_has_to_lead_there_and_back(
    node: Path, zone: str, names: Names, karamail: Karamail
) -> None:
    node.write_text(node.read_text().partition("\n[dns.hosts]")[0])
    assert faults(karamail, "dns") == []
    names.zone(zone.replace(PTR, PTR.replace("mx.", "host5.")))
    ((_, what),) = faults(karamail, "dns")
    assert what == "PTR of 203.0.113.5 is host5.midori.example, but the server says mx.midori.example"


def test_a_dead_nameserver_is_one_fault_not_thirty(node: Path, karamail: Karamail) -> None:
    ((status, what),) = faults(karamail, "dns")
    assert status == "broken"
    assert "no nameserver answers" in what


# --- files


def test_a_wrong_configuration_is_the_only_thing_said(node: Path, karamail: Karamail) -> None:
    node.write_text(node.read_text().replace("bounce.midori.example", "bounce.vendor.example"))
    result = karamail("doctor")
    assert result.exit_code == 2
    assert "different organizations" in result.output
    assert "0 ok, 0 warnings, 1 broken" in result.output


def test_secrets_as_they_were_made_are_good(node: Path, karamail: Karamail) -> None:
    assert faults(karamail, "secrets") == []


def test_a_secret_that_others_can_read(node: Path, config: Config, karamail: Karamail) -> None:
    path = config.secrets_dir / "mail" / "dkim.json"
    path.chmod(0o640)
    (row,) = [row for row in findings(karamail, "secrets") if row["status"] != "ok"]
    assert "mode 0640" in row["what"]
    assert row["todo"] == f"chmod 600 {path}"


def test_a_secret_that_is_missing(node: Path, config: Config, karamail: Karamail) -> None:
    (config.secrets_dir / "guardian" / "cookie").unlink()
    ((status, what),) = faults(karamail, "secrets")
    assert (status, what.endswith("guardian/cookie is missing")) == ("broken", True)


def test_a_shared_secret_that_differs(node: Path, config: Config, karamail: Karamail) -> None:
    shutil.copy(config.secrets_dir / "sender" / "cookie", config.secrets_dir / "sender" / "names.index")
    ((_, what),) = faults(karamail, "secrets")
    assert what == "names.index is not the same in all zones that have it"


def test_keys_that_were_forgotten_half_way(node: Path, config: Config, karamail: Karamail) -> None:
    folder = config.secrets_dir / "mail"
    old = signing.read(folder)
    long_ago = clock.now() - timedelta(days=20)
    signing.write(folder, signing.fresh(signing.activated(signing.fresh(old, long_ago), long_ago), long_ago))
    said = [what for _, what in faults(karamail, "dkim")]
    states = [key.state for key in signing.read(folder)]
    assert sum("waits since" in what for what in said) == states.count(KeyState.WAITING) == 2
    assert sum("has not signed since" in what for what in said) == states.count(KeyState.RETIRING) == 2


def test_without_an_rsa_key_many_carriers_see_no_signature(
    node: Path, config: Config, karamail: Karamail
) -> None:
    folder = config.secrets_dir / "mail"
    signing.write(folder, signing.read(folder)[1:])
    ((status, what),) = faults(karamail, "dkim")
    assert (status, what) == ("broken", "no RSA key signs")


@pytest.mark.parametrize(
    ("days", "name", "status", "words"),
    [
        (80, "mx.midori.example", "ok", "is good until"),
        (80, "*.midori.example", "ok", "is good until"),
        (10, "mx.midori.example", "warning", "ends on"),
        (-1, "mx.midori.example", "broken", "is not valid now"),
        (80, "www.midori.example", "warning", "is not for mx.midori.example"),
    ],
)
def test_the_certificate_of_the_mail_server(
    node: Path, karamail: Karamail, days: int, name: str, status: str, words: str
) -> None:
    give_certificate(node.parent, name, days)
    rows = findings(karamail, "certificate")
    assert any(row["status"] == status and words in row["what"] for row in rows), rows


def test_a_certificate_with_anothers_key(node: Path, karamail: Karamail) -> None:
    trustme.CA().issue_cert("mx.midori.example").private_key_pem.write_to_path(node.parent / "tls.key")
    ((status, what),) = faults(karamail, "certificate")
    assert status == "broken"
    assert "do not work together" in what


@pytest.fixture
def web(node: Path, names: Names) -> Iterator[trustme.CA]:
    """The guardian site's proxy, with a certificate of an authority that this machine does not know yet."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("guardian.midori.example").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = node.read_text().replace(
            "http://guardian.midori.example", f"https://guardian.midori.example:{port}"
        )
        node.write_text(text)
        names.zone("guardian.midori.example. IN A 127.0.0.1\n")
        thread = threading.Thread(target=_shake_hands, args=(server, context), daemon=True)
        thread.start()
        yield authority
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            caller, _ = server.accept()
        except OSError:
            return
        try:
            context.wrap_socket(caller, server_side=True).close()
        except OSError:
            caller.close()


def test_a_page_whose_certificate_no_phone_trusts(node: Path, web: trustme.CA, karamail: Karamail) -> None:
    ((status, what),) = faults(karamail, "certificate")
    assert status == "broken"
    assert "guardian.midori.example: " in what


def test_a_page_whose_certificate_is_good(
    node: Path, web: trustme.CA, karamail: Karamail, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.cert_pem.write_to_path(node.parent / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(node.parent / "ca.pem"))
    said = [row["what"] for row in findings(karamail, "certificate") if row["status"] == "ok"]
    assert any(what.startswith("guardian.midori.example is good until") for what in said)


def test_a_page_without_an_address(node: Path, web: trustme.CA, names: Names, karamail: Karamail) -> None:
    names.zone("")
    ((status, what),) = faults(karamail, "certificate")
    assert (status, what) == ("broken", "guardian.midori.example: the name does not exist")


def test_a_disk_with_less_space_than_wanted(node: Path, karamail: Karamail) -> None:
    assert faults(karamail, "disk") == []
    node.write_text(node.read_text() + "\n[doctor]\ndisk_free_gb = 1000000.0\n")
    assert {status for status, _ in faults(karamail, "disk")} == {"broken"}


def test_a_journal_that_a_killed_worker_left(node: Path, config: Config, karamail: Karamail) -> None:
    journal = config.relay.spool_dir / "outcomes-3.journal"
    journal.write_bytes(b"C 1 2\n")
    said = [row for row in findings(karamail, "workers") if "worker 3" in row["what"]]
    assert [row["todo"] for row in said] == ["start it again under its name: karamail serve mail --worker 3"]
    with journal.open():  # as a running worker holds its own
        assert not [row for row in findings(karamail, "workers") if "worker 3" in row["what"]]


def test_a_database_that_was_never_made(node: Path, karamail: Karamail) -> None:
    db.vanish()
    (node.parent / "karamail.db").unlink()
    ((_, what),) = faults(karamail, "database")
    assert what.endswith("karamail.db: no such file")
    assert not (node.parent / "karamail.db").exists()


# --- doors


def test_nobody_is_at_the_doors(node: Path, karamail: Karamail) -> None:
    assert any("nobody answers" in what for _, what in faults(karamail, "workers"))
    assert len(faults(karamail, "sites")) == 3


@pytest.fixture
def stranger(ports: dict[str, int]) -> Iterator[None]:
    """Another mail server has taken port 25."""
    with socket.create_server(("127.0.0.1", ports["mail_port"])) as server:
        thread = threading.Thread(target=_greet, args=(server,), daemon=True)
        thread.start()
        yield
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _greet(server: socket.socket) -> None:
    while True:
        try:
            caller, _ = server.accept()
        except OSError:
            return
        with caller:
            caller.sendall(b"220 localhost ESMTP Postfix (Debian)\r\n")
            caller.recv(100)


def test_another_mail_server_on_our_port(node: Path, stranger: None, karamail: Karamail) -> None:
    assert any("is another mail server" in what for _, what in faults(karamail, "workers"))


def test_the_way_out_is_tried_only_where_it_is_allowed(
    node: Path, stranger: None, karamail: Karamail, ports: dict[str, int]
) -> None:
    (row,) = findings(karamail, "way out")
    assert "was not tried" in row["what"]
    text = node.read_text()
    node.write_text(text + f'\n[doctor]\noutward_target = "127.0.0.1:{ports["mail_port"]}"\n')
    (row,) = findings(karamail, "way out")
    assert (row["status"], row["what"].endswith("lets us in")) == ("ok", True)
    node.write_text(text + f'\n[doctor]\noutward_target = "127.0.0.1:{ports["dns_port"]}"\n')
    (row,) = findings(karamail, "way out")
    assert row["status"] == "broken"
    assert "internet provider" in row["todo"]


def test_the_clock_is_looked_at(node: Path, karamail: Karamail) -> None:
    (row,) = findings(karamail, "clock")
    assert row["status"] in ("ok", "warning")  # whichever this machine is
