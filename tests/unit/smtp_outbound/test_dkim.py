"""Our signatures before judges that are not ours: dkimpy always, OpenDKIM and mailauth where they are."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import SecretMissing
from appliance.keys import signing
from appliance.keys.signing import KeyState
from smtp.dkim import SignedBody, Signer, Template
from tests.support import dkim_judges
from tests.support.programs import why_no_mailauth, why_no_opendkim

DOMAIN = "midori.example"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEYS = signing.fresh((), NOW, state=KeyState.ACTIVE)
RSA, ED25519 = KEYS
PUBLISHED = dkim_judges.records(DOMAIN, KEYS)
SIGNER = Signer(DOMAIN, KEYS)
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


Judge = Callable[[bytes], int]


@pytest.fixture
def mail() -> bytes:
    return SIGNER.template(FIXED, BODY).sign(INDIVIDUAL)


def dkimpy_says(content: bytes) -> int:
    return dkim_judges.dkimpy(content, PUBLISHED)


@pytest.fixture
def opendkim_says(tmp_path: Path) -> Judge:
    if reason := why_no_opendkim():
        pytest.skip(reason)
    return lambda content: dkim_judges.opendkim(content, PUBLISHED, tmp_path)


@pytest.fixture
def mailauth_says(tmp_path: Path) -> Judge:
    if reason := why_no_mailauth():
        pytest.skip(reason)
    return lambda content: dkim_judges.mailauth_passes(content, PUBLISHED, tmp_path)


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


def test_dkimpy_accepts_both_signatures(mail: bytes) -> None:
    assert dkim_judges.signatures(mail) == 2
    assert dkimpy_says(mail) == 2


def test_opendkim_accepts_both_signatures(mail: bytes, opendkim_says: Judge) -> None:
    assert opendkim_says(mail) == 2


def test_mailauth_accepts_both_signatures(mail: bytes, mailauth_says: Judge) -> None:
    assert mailauth_says(mail) == 2


@pytest.mark.parametrize("what", TAMPERED)
def test_dkimpy_notices(mail: bytes, what: str) -> None:
    changed = TAMPERED[what](mail)
    assert changed != mail
    assert dkimpy_says(changed) == 0


def test_opendkim_notices(mail: bytes, opendkim_says: Judge) -> None:
    passed = [what for what, tamper in TAMPERED.items() if opendkim_says(tamper(mail))]
    assert not passed


def test_mailauth_notices(mail: bytes, mailauth_says: Judge) -> None:
    passed = [what for what, tamper in TAMPERED.items() if mailauth_says(tamper(mail))]
    assert not passed


def test_each_signature_stands_alone(mail: bytes) -> None:
    """A receiver that knows no Ed25519, or drops a signature, still finds one that holds."""
    for gone in (
        rb"DKIM-Signature: v=1; a=rsa-.*?(?=DKIM-Signature)",
        rb"DKIM-Signature: v=1; a=ed.*?(?=^M)",
    ):
        one = re.sub(gone, b"", mail, flags=re.DOTALL | re.MULTILINE)
        assert dkim_judges.signatures(one) == 1
        assert dkimpy_says(one) == 1


def test_rsa_stands_on_top(mail: bytes) -> None:
    """Who looks at one signature only looks at the first."""
    assert mail.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")


def test_a_template_signs_with_the_new_keys_as_soon_as_they_are_active(mail: bytes) -> None:
    signer = Signer(DOMAIN, KEYS)
    template = signer.template(FIXED, BODY)
    assert dkimpy_says(template.sign(INDIVIDUAL)) == 2
    fresh = signing.fresh((), NOW.replace(month=12), state=KeyState.ACTIVE)
    signer.replace(fresh)
    content = template.sign(INDIVIDUAL)
    assert dkimpy_says(content) == 0
    assert dkim_judges.dkimpy(content, dkim_judges.records(DOMAIN, fresh)) == 2


def test_without_ed25519_one_signature_is_enough() -> None:
    assert dkimpy_says(Signer(DOMAIN, [RSA]).template(FIXED, BODY).sign(INDIVIDUAL)) == 1


def test_what_relays_do_on_the_way_does_no_harm(mail: bytes) -> None:
    """Relaxed: header case and blanks, blanks at line ends, empty lines at the end, headers on top."""
    moved = (
        b"Received: from a by b\r\n"
        + mail.replace(b"MIME-Version: 1.0", b"mime-version:   1.0 ")
        + b"\r\n\r\n"
    )
    assert dkimpy_says(moved) == 2


blanks = st.text(alphabet=" \tab.", max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(blanks, max_size=6), blanks, blanks)
def test_any_blanks_anywhere_verify(lines: list[str], to: str, subject: str) -> None:
    body = "".join(line + "\r\n" for line in lines).encode()
    fixed = [(b"From", b"a@midori.example"), (b"Subject", b"x\r\n " + subject.encode())]
    assert dkimpy_says(SIGNER.template(fixed, body).sign([(b"To", to.encode())])) == 2


def test_one_template_serves_many_kinds_of_letters() -> None:
    template = SIGNER.template(FIXED, BODY)
    for individual in (INDIVIDUAL, INDIVIDUAL[:1], [*INDIVIDUAL, (b"X-Karamail", b"a\r\n\tb")], INDIVIDUAL):
        assert dkimpy_says(template.sign(individual)) == 2


def test_lines_of_the_signature_are_short(mail: bytes) -> None:
    header = mail[: mail.index(b"Message-ID")]
    assert max(map(len, header.split(b"\r\n"))) < 78


def test_the_signature_covers_every_header_and_has_no_length(mail: bytes) -> None:
    written = re.sub(rb"\s", b"", mail[: mail.index(b"Message-ID")]).split(b"DKIM-Signature:")[1:]
    assert len(written) == 2
    for signature in written:
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
    assert dkimpy_says(template.sign(INDIVIDUAL)) == 2


def _pem(bits: int) -> str:
    key = generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_short_and_foreign_keys_are_refused() -> None:
    empty = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
    for pem in (_pem(1024), ED25519.pem, "", empty):
        with pytest.raises(SecretMissing):
            Signer(DOMAIN, [replace(RSA, pem=pem)])
    with pytest.raises(SecretMissing):
        Signer(DOMAIN, [replace(ED25519, pem=RSA.pem)])


def test_nobody_signs_with_no_key() -> None:
    with pytest.raises(SecretMissing):
        Signer(DOMAIN, [])
