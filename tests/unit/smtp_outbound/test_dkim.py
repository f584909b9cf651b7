"""Our signatures before judges that are not ours: dkimpy always, OpenDKIM where it is installed."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import SecretMissing
from smtp.dkim import SignedBody, Signer, Template
from tests.support.programs import why_no_opendkim


def _pem(bits: int) -> bytes:
    key = generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


SIGNER = Signer("midori.example", "k1", _pem(2048))
FIXED = [
    (b"From", b"=?utf-8?b?44G/44Gp44KK?=  <mail@midori.example>"),
    (b"Subject", b"=?utf-8?b?5Lyd6KiA?=\r\n =?utf-8?b?5Lyd6KiA?="),
    (b"Date", b"Tue, 24 Nov 2026 06:00:00 +0900"),
    (b"List-Unsubscribe", b"<https://touroku.midori.example/u>"),
    (b"List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
    (b"MIME-Version", b"1.0"),
    (b"Content-Type", b"text/plain; charset=utf-8"),
]
BODY = SignedBody("台風のため  休校です。 \t\r\n\r\n.\r\nおわり\r\n\r\n\r\n".encode())
INDIVIDUAL = [(b"Message-ID", b"<b7@midori.example>"), (b"To", b"<taro@docomo.ne.jp>")]


@pytest.fixture
def mail() -> bytes:
    return SIGNER.template(FIXED, BODY).sign(INDIVIDUAL)


def dkimpy_says(content: bytes) -> bool:
    return bool(dkim.verify(content, dnsfunc=lambda *_, **__: SIGNER.public_record().encode()))


@pytest.fixture
def opendkim_says(tmp_path: Path) -> Callable[[bytes], bool]:
    """OpenDKIM as a verifier, with the key from a file instead of DNS."""
    if reason := why_no_opendkim():
        pytest.skip(reason)
    keys, conf, message = tmp_path / "keys", tmp_path / "conf", tmp_path / "mail.eml"
    keys.write_text(f"k1._domainkey.midori.example {SIGNER.public_record()}\n")
    conf.write_text(f"Mode v\nTestPublicKeys {keys}\nOn-BadSignature reject\nOn-NoSignature reject\n")

    def ask(content: bytes) -> bool:
        message.write_bytes(content)
        command = ["/usr/sbin/opendkim", "-f", "-vv", "-x", str(conf), "-t", str(message)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
        return "succeeded" in said

    return ask


def one_bit(content: bytes, where: int) -> bytes:
    return content[:where] + bytes([content[where] ^ 1]) + content[where + 1 :]


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the body": lambda content: one_bit(content, content.index(b"\r\n\r\n") + 6),
    "a line more": lambda content: content + b"x\r\n",
    "another To": lambda content: content.replace(b"<taro@", b"<jiro@"),
    "another Message-ID": lambda content: content.replace(b"<b7@", b"<b8@"),
    "another time": lambda content: re.sub(rb"\tt=\d", b"\tt=9", content),
    "a second From above": lambda content: b"From: <evil@example.com>\r\n" + content,
    "a second From below": lambda content: content.replace(
        b"\r\n\r\n", b"\r\nFrom: <e@example.com>\r\n\r\n", 1
    ),
    "a second Subject": lambda content: b"Subject: urgent\r\n" + content,
    "a second Content-Type": lambda content: b"Content-Type: text/html\r\n" + content,
    "a Reply-To": lambda content: b"Reply-To: <evil@example.com>\r\n" + content,
    "no List-Unsubscribe": lambda content: content.replace(b"List-Unsubscribe:", b"X-Was:"),
}


def test_both_judges_accept(mail: bytes, opendkim_says: Callable[[bytes], bool]) -> None:
    assert opendkim_says(mail)
    assert dkimpy_says(mail)


@pytest.mark.parametrize("what", TAMPERED)
def test_dkimpy_notices(mail: bytes, what: str) -> None:
    changed = TAMPERED[what](mail)
    assert changed != mail
    assert not dkimpy_says(changed)


def test_opendkim_notices(mail: bytes, opendkim_says: Callable[[bytes], bool]) -> None:
    passed = [what for what, tamper in TAMPERED.items() if opendkim_says(tamper(mail))]
    assert not passed


def test_what_relays_do_on_the_way_does_no_harm(mail: bytes) -> None:
    """Relaxed: header case and blanks, blanks at line ends, empty lines at the end, headers on top."""
    moved = (
        b"Received: from a by b\r\n"
        + mail.replace(b"MIME-Version: 1.0", b"mime-version:   1.0 ")
        + b"\r\n\r\n"
    )
    assert dkimpy_says(moved)


blanks = st.text(alphabet=" \tab.", max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(blanks, max_size=6), blanks, blanks)
def test_any_blanks_anywhere_verify(lines: list[str], to: str, subject: str) -> None:
    body = "".join(line + "\r\n" for line in lines).encode()
    fixed = [(b"From", b"a@midori.example"), (b"Subject", b"x\r\n " + subject.encode())]
    assert dkimpy_says(SIGNER.template(fixed, body).sign([(b"To", to.encode())]))


def test_one_template_serves_many_kinds_of_letters() -> None:
    template = SIGNER.template(FIXED, BODY)
    for individual in (INDIVIDUAL, INDIVIDUAL[:1], [*INDIVIDUAL, (b"X-Karamail", b"a\r\n\tb")], INDIVIDUAL):
        assert dkimpy_says(template.sign(individual))


def test_lines_of_the_signature_are_short(mail: bytes) -> None:
    header = mail[: mail.index(b"Message-ID")]
    assert max(map(len, header.split(b"\r\n"))) < 78


def test_the_signature_covers_every_header_and_has_no_length(mail: bytes) -> None:
    signature = re.sub(rb"\s", b"", mail[: mail.index(b"Message-ID")])
    signed = signature.partition(b"h=")[2].partition(b";")[0].split(b":")
    assert {name.lower() for name, _ in FIXED + INDIVIDUAL} <= set(signed)
    assert signed.count(b"from") == 2
    assert b";l=" not in signature
    assert b"c=relaxed/relaxed" in signature


@pytest.mark.parametrize(
    "individual",
    [
        [(b"To", b"a@x.jp\r\nBcc: b@x.jp")],
        [(b"To", b"a@x.jp\nBcc: b@x.jp")],
        [(b"To", b"a@x.jp\r\n")],
        [(b"To: x", b"a@x.jp")],
        [(b"From", b"a@x.jp")],
        [(b"To", b"a@x.jp"), (b"to", b"b@x.jp")],
        [(b"Received", b"from here")],
    ],
)
def test_headers_that_no_template_of_ours_makes(individual: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ValueError):
        SIGNER.template(FIXED, BODY).sign(individual)


def test_a_fixed_header_cannot_carry_another() -> None:
    with pytest.raises(ValueError):
        SIGNER.template([*FIXED, (b"X-A", b"b\r\nBcc: c@x.jp")], BODY)


def test_a_body_with_bare_line_ends_is_refused() -> None:
    for octets in (b"a\nb\r\n", b"a\rb\r\n"):
        with pytest.raises(ValueError):
            SignedBody(octets)


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"x", b" \r\n \r\n"])
def test_bodies_at_the_edge(octets: bytes) -> None:
    template: Template = SIGNER.template(FIXED, octets)
    assert dkimpy_says(template.sign(INDIVIDUAL))


def test_short_and_foreign_keys_are_refused() -> None:
    ed25519 = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem in (_pem(1024), ed25519, b"", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(SecretMissing):
            Signer("midori.example", "k1", pem)
