"""The message that is measured: about 2 KB on the wire, Japanese, one recipient.

Both sides send this subject and this text. `wire` is the whole message as the peer's client injects it; the
Karamail side renders its own letter from SUBJECT and TEXT.
"""

import base64
from email.header import Header

SENDER = "gakkou@mail.midori.example"
DOMAIN = "mail.midori.example"
SELECTOR = "k1"
SITES = tuple(f"keitai{number}.example" for number in range(1, 9))

SUBJECT = "【緊急】大雨警報による下校時刻の変更について"
TEXT = (
    "保護者の皆様\n\n"
    "本日10時20分、大雨警報が発表されました。今後さらに雨が強まる見込みのため、児童の安全を第一に考え、"
    "下校時刻を次のとおり変更します。\n\n"
    "・1年生から3年生 13時30分\n・4年生から6年生 14時10分\n\n"
    "教職員が通学路の主な交差点に立ち、方面別に集団で下校します。川や用水路の近くを通る方面は、"
    "職員が自宅近くまで付き添います。ご家庭に迎える方がいらっしゃらない場合は、学校でお預かりしますので、"
    "本メールの確認ページから「学校待機」をお選びください。電話は大変混み合いますのでご遠慮ください。\n\n"
    "学童クラブは通常どおり開所します。明日の登校については、今夜20時までにあらためてお知らせします。"
    "なお、停電などでメールが届かないご家庭には、学級の電話連絡票により担任から連絡します。\n\n"
    "みどり区立みどり小学校 校長\n"
)


def recipient(number: int) -> str:
    """The guardian with this number; neighbours live at different receivers."""
    return f"hogosha{number:06d}@{SITES[number % len(SITES)]}"


_BODY = base64.encodebytes(TEXT.encode()).replace(b"\n", b"\r\n")
_SUBJECT = Header(SUBJECT, "utf-8", maxlinelen=70).encode(linesep="\r\n").encode()


def wire(number: int) -> bytes:
    """The message with CRLF lines; no line begins with a dot, so nothing needs stuffing."""
    to = recipient(number).encode()
    return b"".join((
        b"From: =?utf-8?B?44G/44Gp44KK5bCP5a2m5qCh?= <", SENDER.encode(), b">\r\n",
        b"To: <", to, b">\r\n",
        b"Subject: ", _SUBJECT, b"\r\n",
        b"Date: Mon, 01 Jun 2026 10:31:00 +0900\r\n",
        b"Message-ID: <%d.bench@" % number, DOMAIN.encode(), b">\r\n",
        b"MIME-Version: 1.0\r\n",
        b'Content-Type: text/plain; charset="utf-8"\r\n',
        b"Content-Transfer-Encoding: base64\r\n",
        b"Auto-Submitted: auto-generated\r\n",
        b"\r\n",
        _BODY,
    ))  # fmt: skip
