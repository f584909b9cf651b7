"""With servers that are not ours: Postfix, Exim and OpenSMTPD from Debian, each as receiver and as sender.

A broadcast goes through each of them to a receiver that writes everything down, and the signature must still
hold there. Empty mails wait in the queue of each while our database is away, and must come in once when it is
back.
"""

import shutil
import smtplib
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from appliance.delivery import progress
from appliance.models import Delivery, Inbound, Registration
from appliance.states import DeliveryState, RegistrationState
from tests.e2e.house import DOMAIN, HOST, House, mx
from tests.e2e.judges import Judges
from tests.support.mtas import MTAS, Exim, Mta, OpenSmtpd, Places, Postfix
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ACCEPTED, FAILED = DeliveryState.ACCEPTED, DeliveryState.FAILED
HOSTS = {Postfix: "127.0.0.35", Exim: "127.0.0.36", OpenSmtpd: "127.0.0.37"}
BEHIND = "127.0.0.34"
ODD = ("a..b", ".ab", "ab.")
GUARDIANS = 60


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert("mx.midori.example", key_type=trustme.KeyType.RSA)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return folder / "chain.pem", folder / "key.pem"


# What their logs say of STARTTLS from us and to us. Debian 12's OpenSMTPD offers it and then cannot do it
# (its issue 1239, "EVP lib"): our relay goes on in the clear, as opportunistic TLS should.
ENCRYPTED_FROM_US = {
    Postfix: ("TLS connection established from",),
    Exim: ("X=TLS1",),
    OpenSmtpd: ("smtp tls", "EVP lib"),
}
ENCRYPTED_TO_US = {
    Postfix: "TLS connection established to 127.0.0.1",
    Exim: " X=TLS1",
    OpenSmtpd: "mta tls",
}


def beside(house: House, kind: type[Mta], certificate: tuple[Path, Path]) -> Mta:
    """One of Debian's servers beside a house, or a skip with the reason."""
    if reason := kind.why_not():
        pytest.skip(reason)
    house.canaries.append(f"{kind.name}.example")
    return kind(
        house.folder / kind.name,
        Places(
            host=HOSTS[kind],
            port=house.smtp_port,
            behind=BEHIND,
            registrations=house.installation.config.mail.registration_domain,
            daemon_port=house.mail_port,
            certificate=certificate,
        ),
    )


each_mta = pytest.mark.parametrize("kind", MTAS, ids=lambda kind: kind.name)


@each_mta
def test_a_broadcast_through_it_arrives_once_with_its_signature(
    tmp_path: Path, sqlite_url: str, certificate: tuple[Path, Path], kind: type[Mta]
) -> None:
    with (
        House(tmp_path / "house", sqlite_url, connections=5) as house,
        beside(house, kind, certificate) as mta,
    ):
        house.names.zone(mx(mta.domain, mta.places.host))
        behind = house.receiver(BEHIND)
        judges = Judges(house.installation.config, tmp_path)
        locals_ = [*(f"hogosha{number}" for number in range(GUARDIANS)), "kieta1", *ODD]
        sent = house.send(*house.school(len(locals_), lambda number: f"{locals_[number]}@{mta.domain}"))
        house.worker()
        refused = {"kieta1", *(ODD if kind is OpenSmtpd else ())}  # OpenSMTPD: 501 to what RFC 5321 forbids
        house.wait_until(sent, ACCEPTED, len(locals_) - len(refused))
        house.wait_until(sent, FAILED, len(refused))
        until(lambda: len(behind.copies()) == len(locals_) - len(refused), within_s=30, why="all are through")

        wanted = {f"{local}@{mta.domain}" for local in locals_ if local not in refused}
        assert {to.replace('"', "") for to in behind.copies()} == wanted
        assert set(behind.copies().values()) == {1}
        assert all(judges.signed(mail) for mail in behind.mails())
        senders = {mail.sender for mail in behind.mails()}
        assert len(senders) == len(wanted)
        assert all(house.delivery_of(mail) for mail in behind.mails())
        why = Delivery.select(Delivery.reason).where(Delivery.state == FAILED).tuples()
        assert sorted(row[0] for row in why) == sorted(
            ["unknown_user"] + ["address_syntax"] * (len(refused) - 1)
        )
        assert house.uncertain() == set()
        assert progress(sent.id).by_state[ACCEPTED] == len(wanted)
        said = mta.inside.said()
    assert any(words in said for words in ENCRYPTED_FROM_US[kind])


def hand_over(mta: Mta, sender: str, to: str) -> None:
    """As a phone's app gives its mail to its provider."""
    with smtplib.SMTP(mta.places.host, mta.places.port, local_hostname="phone.example", timeout=20) as client:
        client.sendmail(sender, [to], f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: \r\n\r\n\r\n")


@each_mta
def test_an_empty_mail_waits_in_its_queue_while_our_database_is_away(
    tmp_path: Path, certificate: tuple[Path, Path], kind: type[Mta]
) -> None:
    url = f"sqlite:///{tmp_path}/karamail.db"
    with House(tmp_path / "house", url) as house, beside(house, kind, certificate) as mta:
        text = house.file.read_text().replace("[database]\n", "[database]\nbusy_timeout_s = 1\n")
        pair = 'tls_cert = "{}"\ntls_key = "{}"\n'.format(*certificate)
        house.file.write_text(text.replace("[mail]\n", "[mail]\n" + pair))
        receiver = house.receiver(HOST)
        school, _ = house.school(1)
        house.worker()
        guardians = ["haha" + str(number) for number in range(3)]
        if kind is not OpenSmtpd:  # it takes no such sender from anybody
            guardians += ["ha..ha", ".haha"]
        addresses = {f"{local}@{DOMAIN}" for local in guardians}
        house.canaries += ["haha", "ha..ha"]

        with closing(sqlite3.connect(tmp_path / "karamail.db", isolation_level=None)) as backup:
            backup.execute("BEGIN IMMEDIATE")
            for address in addresses:
                hand_over(mta, address, house.installation.registration_address(school))
            until(lambda: "451" in mta.inside.said(), within_s=30, why=f"{mta.name} hears 451")
            backup.execute("ROLLBACK")

        def answered() -> bool:
            mta.hurry()
            return receiver.copies().keys() == addresses

        until(answered, within_s=40, why="everybody has the reply")
        assert set(receiver.copies().values()) == {1}
        assert Inbound.select().count() == len(addresses)
        assert Registration.select().where(Registration.state == RegistrationState.REQUESTED).count() == len(
            addresses
        )
        said = mta.inside.said()
    assert ENCRYPTED_TO_US[kind] in said


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not here (apt-get install swaks)")
def test_swaks_registers_over_starttls(
    tmp_path: Path, sqlite_url: str, certificate: tuple[Path, Path]
) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        pair = 'tls_cert = "{}"\ntls_key = "{}"\n'.format(*certificate)
        house.file.write_text(house.file.read_text().replace("[mail]\n", "[mail]\n" + pair))
        receiver = house.receiver()
        school, _ = house.school(1)
        house.worker()
        to = house.installation.registration_address(school)
        for number, options in enumerate((["--tls"], ["--pipeline"], ["--tls", "--pipeline"])):
            done = subprocess.run(
                ["swaks", "--server", f"127.0.0.1:{house.mail_port}", "--ehlo", "phone.example", "--to", to,
                 "--from", f"chichi{number}@{DOMAIN}", "--body", " ", "--header", "Subject: ", *options],
                capture_output=True, text=True, timeout=30,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout
        until(lambda: len(receiver.copies()) == 3, why="three replies")
        assert set(receiver.copies().values()) == {1}


SMTP_SOURCE = shutil.which("smtp-source", path="/usr/sbin:/usr/bin")


@pytest.mark.skipif(SMTP_SOURCE is None, reason="smtp-source is not here (apt-get install postfix)")
def test_smtp_source_on_many_connections_gets_one_answer_for_each_mail(
    tmp_path: Path, sqlite_url: str
) -> None:
    """Postfix's load generator: four sessions at once, eight mails of one address."""
    with House(tmp_path / "house", sqlite_url) as house:
        receiver = house.receiver()
        school, _ = house.school(1)
        house.worker()
        to = house.installation.registration_address(school)
        done = subprocess.run(
            [str(SMTP_SOURCE), "-s", "4", "-m", "8", "-M", "phone.example", "-f", f"hayai@{DOMAIN}",
             "-t", to, f"127.0.0.1:{house.mail_port}"],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        until(lambda: len(receiver.mails()) == Inbound.select().count() > 0, why="as many answers as mails")
        assert Inbound.select().count() == 8
