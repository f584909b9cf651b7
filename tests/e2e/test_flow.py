"""The whole way of a guardian: an empty mail, a link, a registration, a welcome, and then the school's mail.

Sent with swaks, received over STARTTLS by a receiver that writes everything down, judged by dkimpy and by
OpenDKIM.
"""

import email
import re
import shutil
import subprocess
from email.header import decode_header, make_header
from pathlib import Path

import pytest
import trustme

from appliance import clock, registration
from appliance.config import Zone
from appliance.directory.schools import classes
from appliance.models import Registration
from appliance.states import DeliveryState
from tests.e2e.house import DOMAIN, House
from tests.e2e.judges import Judges, parsed
from tests.support.receiver import Mail, Receiver
from tests.support.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not here (apt-get install swaks)"),
]
LINK = re.compile(r"http://guardian\.midori\.example/r/([a-z2-7]{26})\b")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("receiver")
    issued = trustme.CA().issue_cert("receiver.example")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return folder / "chain.pem", folder / "key.pem"


def empty_mail(house: House, sender: str, to: str, *options: str) -> subprocess.CompletedProcess[str]:
    """As a phone's provider hands it over."""
    return subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{house.mail_port}", "--from", sender, "--to", to,
         "--ehlo", "phone.example", "--body", " ", "--header", "Subject: ", *options],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def newest(receiver: Receiver, to: str, count: int) -> Mail:
    """The last of `count` mails to somebody."""
    found = until(
        lambda: len(mails := [mail for mail in receiver.mails() if mail.to == to]) >= count and mails,
        why=f"mail {count}",
    )
    assert isinstance(found, list)
    assert len(found) == count
    mail: Mail = found[-1]
    return mail


def test_an_empty_mail_a_link_a_welcome_and_the_schools_mail(
    tmp_path: Path, durable_url: str, certificate: tuple[Path, Path]
) -> None:
    with House(tmp_path / "house", durable_url) as house:
        receiver = house.receiver(tls=certificate)
        judges = Judges(house.installation.config, tmp_path)
        school, principal = house.school(3)
        house.worker()
        hanako = f"hana..ko@{DOMAIN}"
        house.canaries += ["hana..ko", "山田", "Registration", "仮登録"]

        sent = empty_mail(house, hanako, house.installation.registration_address(school))
        assert sent.returncode == 0, sent.stdout
        reply = newest(receiver, hanako, 1)
        judges.check(reply)
        message = parsed(reply)
        assert message["Subject"] == "【みどり小学校】登録を続けてください / Please continue"
        assert message["From"].addresses[0].display_name == "みどり小学校"
        assert message["Auto-Submitted"] == "auto-replied"
        (link,) = LINK.findall(message.get_content())
        house.canaries.append(link)

        confirmed = registration.confirm(
            house.installation.keyring(Zone.GUARDIAN), link, school_class_id=classes(school.id)[0].id,
            child_name="山田 花子", guardian_name="山田 太郎", now=clock.now(),
        )  # fmt: skip
        assert confirmed.school_id == school.id
        welcome = newest(receiver, hanako, 2)
        judges.check(welcome)
        assert "登録が完了しました" in parsed(welcome)["Subject"]
        assert "花子" not in parsed(welcome).get_content()

        written = house.send(school, principal, urgent=True)
        house.wait_until(written, DeliveryState.ACCEPTED, 4)
        mails = receiver.mails()[-4:]
        assert {mail.to for mail in mails} == {hanako, *(f"hogosha{number}@{DOMAIN}" for number in range(3))}
        for mail in mails:
            judges.check(mail)
            message = parsed(mail)
            assert message["Subject"] == "【緊急】【みどり小学校】下校時刻の変更について"
            assert message["Auto-Submitted"] == "auto-generated"
            assert "本日は13時30分に下校します。" in message.get_content()
            assert not any(other.to in mail.content.decode() for other in mails if other.to != mail.to)
        assert len({mail.sender for mail in receiver.mails()}) == len(receiver.mails())


def test_a_guardian_registers_leaves_and_never_opens_a_page(
    tmp_path: Path, sqlite_url: str, certificate: tuple[Path, Path]
) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        text = house.file.read_text().replace(
            "[mail]\n", f'[mail]\ntls_cert = "{certificate[0]}"\ntls_key = "{certificate[1]}"\n'
        )
        house.file.write_text(text)
        receiver = house.receiver()
        school, _ = house.school(0)
        house.worker()
        hanako = f"hanako@{DOMAIN}"
        house.canaries += ["hanako", "山田", "花子"]

        def answer(mail: Mail, text: str) -> None:
            to = parsed(mail)["Reply-To"].addresses[0].addr_spec
            sent = empty_mail(house, hanako, to, "--tls", "--body", text)
            assert sent.returncode == 0, sent.stdout

        empty_mail(house, hanako, house.installation.registration_address(school))
        reply = newest(receiver, hanako, 1)
        assert "101 1年1組  102 1年2組" in parsed(reply).get_content()
        answer(reply, "1 学年・組：102\n2 お子さまの氏名：山田 花子\n3 保護者の氏名：山田 太郎")
        welcome = newest(receiver, hanako, 2)
        assert "登録が完了しました" in parsed(welcome)["Subject"]
        answer(welcome, "Português")
        assert "português" in parsed(newest(receiver, hanako, 3))["Subject"]
        answer(welcome, "解除")
        question = newest(receiver, hanako, 4)
        assert "Sim" in parsed(question).get_content()
        answer(question, "Sim")
        assert "Cadastro cancelado" in parsed(newest(receiver, hanako, 5))["Subject"]
        assert [row.state for row in Registration.select()] == ["withdrawn"]


def test_the_longest_subject_and_the_longest_school_keep_the_rules_of_form(
    tmp_path: Path, sqlite_url: str
) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        receiver = house.receiver()
        judges = Judges(house.installation.config, tmp_path)
        school, principal = house.school(1)
        school.name = "みどり区立みどり第一" * 6 + "小学校"
        school.save()
        subject = "台風の接近に伴う臨時休校と𠮷野川の増水について" * 3 + "(第2報)"
        written = house.send(school, principal, subject=subject)
        house.worker()
        house.wait_until(written, DeliveryState.ACCEPTED, 1)
        (mail,) = receiver.mails()
        judges.check(mail)
        assert parsed(mail)["Subject"] == f"【{school.name}】{subject}"
        # Not by the policy: Python 3.11 keeps the blanks between encoded words (RFC 2047 6.2).
        written_from = email.message_from_bytes(mail.content)["From"]
        assert str(make_header(decode_header(written_from))).startswith(f"{school.name} <")


def test_a_stranger_and_a_mistyped_code_get_their_answers(tmp_path: Path, sqlite_url: str) -> None:
    with House(tmp_path / "house", sqlite_url) as house:
        house.receiver()
        house.school(1)
        house.worker()
        domain = house.installation.config.mail.registration_domain
        refused = empty_mail(house, f"hogosha9@{DOMAIN}", f"tanaka@{domain}")
        assert "550 5.1.1" in refused.stdout
        relayed = empty_mail(house, f"hogosha9@{DOMAIN}", "somebody@example.com")
        assert "550 5.7.1" in relayed.stdout
