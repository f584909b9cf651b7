"""What a person wrote is found in whatever his phone makes of it."""

import base64
from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.inbound import charsets, reading

US = "<school@mail.midori.example>"
TEXT = "1年2組\n山田 花子\n山田 太郎"


def mail(
    text: str, charset: str = "utf-8", label: str = "utf-8", kind: str = "plain", subject: str = "x"
) -> bytes:
    octets = base64.encodebytes(text.encode(charset, "replace"))
    head = f"Subject: {subject}\r\nContent-Type: text/{kind}; charset={label}\r\n"
    head += "Content-Transfer-Encoding: base64"
    return head.encode() + b"\r\n\r\n" + octets


@pytest.mark.parametrize(
    ("charset", "label"),
    [
        ("utf-8", "utf-8"), ("utf-8", "UTF-8"), ("utf-8", "us-ascii"), ("utf-8", "iso-8859-1"),
        ("utf-8", "no-such"),
        ("utf-8", "rot13"), ("utf-8", "iso-2022-jp"), ("iso-2022-jp", "iso-2022-jp"),
        ("iso-2022-jp", "utf-8"),
        ("iso-2022-jp", "us-ascii"), ("cp932", "shift_jis"), ("cp932", "us-ascii"), ("cp932", "utf-8"),
        ("euc_jp", "euc-jp"),
    ],
)  # fmt: skip
def test_any_charset_whatever_it_is_called(charset: str, label: str) -> None:
    assert reading.read(mail(TEXT, charset, label)).text == TEXT


def test_characters_that_carriers_added_to_iso_2022_jp() -> None:
    """Row 13 (①) and NEC's kanji (髙), as phones send them under the old name."""
    pairs = b"".join(bytes(o - 0x80 for o in c.encode("euc_jis_2004")) for c in "①②")
    assert charsets.decode(b"\x1b$B" + pairs + b"\x1b(B", "iso-2022-jp") == "①②"
    assert charsets.decode(b"\x1b$B\x7c\x62\x1b(B", "iso-2022-jp") == "髙"  # NEC selected, row 92


def test_latin_text_under_a_latin_name_stays_latin() -> None:
    assert charsets.decode("João é responsável".encode("latin-1"), "iso-8859-1") == "João é responsável"


@given(st.binary(max_size=300), st.text(max_size=20))
def test_no_octets_make_it_fail(octets: bytes, label: str) -> None:
    charsets.decode(octets, label)
    reading.read(octets)
    reading.read(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + octets)


def test_a_thousand_nested_parts_are_no_trouble() -> None:
    nest = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000)
    )
    assert reading.read(b"Subject: x\r\n" + nest).text == ""


@pytest.mark.parametrize(
    "whole",
    [
        f"{TEXT}\n\niPhoneから送信\n\n2026/04/08 6:00、みどり小学校 {US}のメール:\n\n> 1 学年・組：",
        f"{TEXT}\n\n2026年4月8日(水) 6:00 みどり小学校 <school@mail.midori.example>:\n> 1 学年・組：\n>",
        f"{TEXT}\n\nOn Wed, Apr 8, 2026 at 6:00 AM みどり小学校\n{US} wrote:\n\n> 1 学年・組：",
        f"{TEXT}\n\n-----Original Message-----\nFrom: みどり小学校\n1 学年・組：",
        f"{TEXT}\n\n差出人: みどり小学校 <school@mail.midori.example>\n1 学年・組：",
        f"{TEXT}\n--\n山田 太郎\n1 学年・組：",
        f"{TEXT}\n----------\nYahoo!メールで、もっと便利に。\n1 学年・組：",
        f"{TEXT}\nSent from my iPhone\n",
        f"＞ 1 学年・組：\n{TEXT}",
        f"> 1 学年・組：\n\n{TEXT}",
    ],
)
def test_quotes_and_signatures_are_told_from_what_is_new(whole: str) -> None:
    assert reading.read(mail(whole)).text == TEXT


def test_what_was_typed_into_the_quote_is_there_as_quoted() -> None:
    written = reading.read(
        mail("2026/04/08 6:00、みどり小学校:\n> 1 学年・組：102\n> 2 お子さまの氏名：山田 花子")
    )
    assert written.text == ""
    assert written.quoted.splitlines() == ["1 学年・組：102", "2 お子さまの氏名：山田 花子"]


def test_a_phone_that_sends_only_html() -> None:
    html = (
        "<html><head><style>p{}</style></head><body><div>1年2組</div>"
        "<div>山田&nbsp;花子<br>山田 <b>太郎</b></div>"
        "<blockquote type=cite><div>1 学年・組：</div></blockquote></body></html>"
    )
    written = reading.read(mail(html, kind="html"))
    assert written.text == TEXT
    assert "学年・組" in written.quoted


def test_text_before_html_and_never_an_attachment() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n"
        b"Content-Disposition: attachment; filename=a.txt\r\n\r\nattached\r\n--x\r\n"
        b"Content-Type: text/html\r\n\r\n<p>shell</p>\r\n--x\r\n"
        b"Content-Type: text/plain\r\n\r\nwritten\r\n--x--\r\n"
    )
    assert reading.read(content).text == "written"


@pytest.mark.parametrize(
    "subject",
    [
        Header("解除", "utf-8").encode(),
        Header("解除", "iso-2022-jp").encode(),
        "=?ISO-2022-JP?b?GyRCMnI9fBsoQg==?=",
    ],
)
def test_a_subject_in_encoded_words(subject: str) -> None:
    assert reading.read(mail("", subject=subject)).subject == "解除"


def test_a_subject_in_raw_octets() -> None:
    assert reading.read("Subject: 解除\r\n\r\n".encode("cp932")).subject == "解除"
