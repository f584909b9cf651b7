"""`karamail dns`: what it prints can be published as it stands, and then independent judges are content."""

import json
from pathlib import Path

import dns.name
import dns.rdatatype
import dns.zonefile
import pytest
import trustme

from appliance.config import Config
from appliance.keys import signing
from smtp.dkim import Signer
from tests.cli.conftest import Karamail
from tests.support import dkim_judges
from tests.support.programs import why_no_mailauth

HOSTS = """
[dns.hosts]
"mx.midori.example" = ["203.0.113.5", "2001:db8::5"]
"mx2.midori.example" = ["203.0.113.6"]
"""


@pytest.fixture
def two_nodes(config: Config, tmp_path: Path) -> Path:
    """Two nodes with public addresses, and a certificate for STARTTLS."""
    issued = trustme.CA().issue_cert("mx.midori.example")
    issued.private_key_pem.write_to_path(tmp_path / "tls.key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "tls.pem")
    path = tmp_path / "karamail.toml"
    text = path.read_text().replace("[relay]\n", 'tls_cert = "tls.pem"\ntls_key = "tls.key"\n\n[relay]\n')
    path.write_text(text + HOSTS)
    return path


def published(zone: str) -> dict[tuple[str, str], list[str]]:
    """The records of a zone file, TXT strings joined."""
    sets = dns.zonefile.read_rrsets(
        zone, origin=dns.name.root, relativize=False, rdclass=None, default_ttl=60
    )
    found: dict[tuple[str, str], list[str]] = {}
    for each in sets:
        kind = dns.rdatatype.to_text(each.rdtype)
        values = [b"".join(r.strings).decode() if kind == "TXT" else r.to_text() for r in each]
        found[each.name.to_text(omit_final_dot=True), kind] = values
    return found


def test_a_small_ward_can_publish_what_is_printed_at_once(karamail: Karamail) -> None:
    result = karamail("dns")
    assert result.exit_code == 0, result.output
    zone = published(result.output)
    for domain in ("touroku.midori.example", "bounce.midori.example", "mail.midori.example"):
        assert zone[domain, "MX"] == ["10 mx.midori.example."]
        assert zone[domain, "TXT"] == ["v=spf1 a:mx.midori.example -all"]
    assert "fill in: mx.midori.example. IN A" in result.output
    assert "the PTR of that address has to be mx.midori.example" in result.output
    assert "set mail.tls_cert" in result.output


def test_every_key_has_its_record_and_says_what_it_is_for(karamail: Karamail, config: Config) -> None:
    karamail("dkim", "new")
    output = karamail("dns").output
    zone = published(output)
    keys = signing.read(config.secrets_dir / "mail")
    for key in keys:
        assert zone[key.name("mail.midori.example"), "TXT"] == [key.record()]
    assert output.count("not in use yet") == 2
    assert "PRIVATE" not in output


def test_two_nodes_with_certificates_get_everything(two_nodes: Path, karamail: Karamail) -> None:
    output = karamail("dns").output
    zone = published(output)
    assert zone["mx.midori.example", "A"] == ["203.0.113.5"]
    assert zone["mx.midori.example", "AAAA"] == ["2001:db8::5"]
    assert len(zone["touroku.midori.example", "MX"]) == 2
    assert zone["_dmarc.mail.midori.example", "TXT"][0].startswith(
        "v=DMARC1; p=quarantine; rua=mailto:postmaster@"
    )
    assert zone["mail.midori.example._report._dmarc.touroku.midori.example", "TXT"] == ["v=DMARC1"]
    assert zone["_smtp._tls.touroku.midori.example", "TXT"][0].startswith("v=TLSRPTv1; rua=mailto:")
    assert zone["mta-sts.bounce.midori.example", "CNAME"] == ["guardian.midori.example."]
    assert zone["_25._tcp.mx.midori.example", "TLSA"][0].startswith("3 1 1 ")
    assert zone["guardian.midori.example", "CAA"] == ['0 issue "letsencrypt.org"']
    assert "; ask: 5.113.0.203.in-addr.arpa. IN PTR mx.midori.example." in output
    assert ";   mx: mx2.midori.example" in output


def test_a_certificate_with_a_new_key_is_announced_beside_the_old(
    two_nodes: Path, karamail: Karamail, tmp_path: Path
) -> None:
    coming = trustme.CA().issue_cert("mx.midori.example")
    coming.cert_chain_pems[0].write_to_path(tmp_path / "next.pem")
    zone = published(karamail("dns", "--next-tls-cert", str(tmp_path / "next.pem")).output)
    assert len(zone["_25._tcp.mx.midori.example", "TLSA"]) == 2
    same = published(karamail("dns", "--next-tls-cert", str(tmp_path / "tls.pem")).output)
    assert len(same["_25._tcp.mx.midori.example", "TLSA"]) == 1


def test_the_policys_id_changes_exactly_when_the_policy_does(two_nodes: Path, karamail: Karamail) -> None:
    def version() -> str:
        return published(karamail("dns").output)["_mta-sts.touroku.midori.example", "TXT"][0]

    before = version()
    assert version() == before
    two_nodes.write_text(two_nodes.read_text() + '\n[dns]\nmta_sts = "enforce"\n')
    assert version() != before


def test_for_programs_the_same_as_one_object(two_nodes: Path, karamail: Karamail) -> None:
    found = json.loads(karamail("dns", "--json").output)
    zone = published(karamail("dns").output)
    plain = {
        (row["name"], row["kind"]) for row in found["records"] if row["value"] and not row["by_provider"]
    }
    assert plain == set(zone)
    assert [file["url"] for file in found["files"]] == [
        "https://mta-sts.touroku.midori.example/.well-known/mta-sts.txt",
        "https://mta-sts.bounce.midori.example/.well-known/mta-sts.txt",
    ]


def test_with_these_records_mailauth_passes_spf_dkim_and_dmarc(
    two_nodes: Path, karamail: Karamail, config: Config, tmp_path: Path
) -> None:
    if reason := why_no_mailauth():
        pytest.skip(reason)
    keys = signing.active(signing.read(config.secrets_dir / "mail"))
    mail = Signer("mail.midori.example", keys).template(
        [(b"From", b"<school@mail.midori.example>"), (b"Subject", b"x")], b"x\r\n"
    )
    cache: dict[str, dict[str, list[object]]] = {}
    for (name, kind), values in published(karamail("dns").output).items():
        cache.setdefault(name, {})[kind] = [[value] for value in values] if kind == "TXT" else list(values)
    content = mail.sign([(b"To", b"<hanako@docomo.ne.jp>")])
    sender = "b2@bounce.midori.example"
    judge = dkim_judges.mailauth_report(content, cache, tmp_path, sender=sender, ip="203.0.113.6")
    assert judge["spf"]["status"]["result"] == "pass"
    assert [each["status"]["result"] for each in judge["dkim"]["results"]] == ["pass", "pass"]
    assert judge["dmarc"]["status"]["result"] == "pass"
    assert judge["dmarc"]["alignment"]["spf"]["result"]
    assert judge["dmarc"]["policy"] == "quarantine"

    stranger = dkim_judges.mailauth_report(content, cache, tmp_path, sender=sender, ip="198.51.100.9")
    assert stranger["spf"]["status"]["result"] == "fail"
