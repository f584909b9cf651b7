"""The same replies in every form: whatever system reports it, the cause is the receiver's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smtp import bounce
from smtp.bounce import Cause, Class
from tests.support.automatic import DELAYS
from tests.support.automatic import REPLIES as AUTOMATIC
from tests.support.bounces import FORMS, encoded, mail, postfix, with_bare_lf
from tests.support.replies import REPLIES

RECIPIENTS = ("taro.yamada@receiver.example", "a..b@docomo.ne.jp", "X+school@sub.domain.example.jp")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    ("reply", "command", "class_", "permanent"), REPLIES, ids=[row[0][:40] for row in REPLIES]
)
def test_a_reply_means_the_same_in_every_form(
    form: Callable[..., bytes], reply: str, command: str, class_: str | None, permanent: bool
) -> None:
    for recipient in RECIPIENTS:
        octets = form(reply, recipient, command)
        (found,) = bounce.read(octets)
        assert found.recipient == recipient
        assert found.is_permanent is permanent
        assert found.is_final
        if class_ is not None:
            assert found.class_ == class_
        assert bounce.read(with_bare_lf(octets)) == [found]


@pytest.mark.parametrize(("charset", "transfer"), [
    ("utf-8", "base64"), ("iso2022_jp", "base64"), ("iso2022_jp", "quoted-printable"), ("cp932",
    "quoted-printable"),
    ("euc_jp", "base64"),
])  # fmt: skip
@pytest.mark.parametrize(
    ("sentence", "cause"),
    [
        ("宛先のメールアドレスが見つかりませんでした。", Cause.USER_UNKNOWN),
        ("ユーザーが存在しないため、お届けできませんでした。", Cause.USER_UNKNOWN),
        ("ディレクトリのリストにありません", Cause.USER_UNKNOWN),
        ("受信者のメールボックスの容量が超過しています。", Cause.MAILBOX_FULL),
        ("メールボックスがいっぱいのため配信できませんでした。", Cause.MAILBOX_FULL),
        ("受信拒否されたため送信できませんでした。", Cause.FILTERED),
        ("ドメインが存在しません。", Cause.HOST_UNKNOWN),
        ("添付ファイルのサイズが大きすぎます。", Cause.TOO_BIG),
        ("このアドレスは解約されています。", Cause.SUSPENDED),
    ],
)
def test_prose_in_japanese_without_any_code(sentence: str, cause: Cause, charset: str, transfer: str) -> None:
    body, content_type = encoded(
        f"次のあて先へ送信できませんでした。\n\nhanako@receiver.example\n{sentence}\n", charset, transfer
    )
    (found,) = bounce.read(
        mail(body, content_type=content_type, content_transfer_encoding=transfer, subject="Mail System Error")
    )
    assert (found.recipient, found.cause) == ("hanako@receiver.example", cause)


def prose() -> list[tuple[str, str, str, str]]:
    """The samples of `prose.txt`: verdict, From, Subject, text."""
    samples = Path(__file__).with_name("prose.txt").read_text(encoding="utf-8").split("\n=== ")[1:]
    found = []
    for sample in samples:
        head, _, text = sample.partition("\n\n")
        verdict, sender, subject = head.split("\n")
        found.append((verdict, sender.removeprefix("From: "), subject.removeprefix("Subject: "), text))
    return found


@pytest.mark.parametrize(("verdict", "sender", "subject", "text"), prose())
def test_systems_that_report_in_prose(verdict: str, sender: str, subject: str, text: str) -> None:
    (found,) = bounce.read(mail(text, **{"from": sender, "subject": subject}))
    assert f"{found.class_}{' permanent' if found.is_permanent else ''}" == verdict
    if "taro@" in text:
        assert found.recipient == "taro@receiver.example"


def test_eight_bits_that_call_themselves_iso_2022_jp_are_read_as_what_they_are() -> None:
    octets = mail(content_type="text/plain; charset=iso-2022-jp") + "<hanako@x.example>: 容量オーバー".encode(
        "euc_jp"
    )
    assert [found.cause for found in bounce.read(octets)] == [Cause.MAILBOX_FULL]


def test_a_form_that_nobody_foresaw_yields_the_verdict_of_its_codes() -> None:
    octets = mail("Kare wa inai.", "", "hanako@x.example ---> 550 5.1.1", "", "Sayonara, delivery failed.")
    (found,) = bounce.read(octets)
    assert (found.status, found.reply_code, found.cause) == ("5.1.1", 550, Cause.USER_UNKNOWN)
    (found,) = bounce.read(octets.replace(b"5.1.1", b"5.2.2"))
    assert found.cause is Cause.MAILBOX_FULL


def test_several_recipients_keep_their_own_causes_in_any_order() -> None:
    lines = {
        "a@x.example": "550 5.1.1 no such user",
        "b@x.example": "552 5.2.2 mailbox full",
        "c@x.example": "554 5.7.1 spam",
    }
    for order in (list(lines), list(lines)[::-1]):
        blocks = [line for name in order for line in (f"<{name}>:", f"Remote host said: {lines[name]}", "")]
        found = {f.recipient: f.class_ for f in bounce.read(mail("Undeliverable:", "", *blocks))}
        assert found == {"a@x.example": Class.GONE, "b@x.example": Class.FULL, "c@x.example": Class.REFUSED}


def test_what_the_returned_mail_says_does_not_count() -> None:
    octets = postfix("452 4.2.2 mailbox full", "a@x.example").replace(
        b"Subject: x", b"Subject: 550 5.1.1 user unknown"
    )
    assert [found.class_ for found in bounce.read(octets)] == [Class.FULL]


def test_a_delivery_status_in_utf_8() -> None:
    octets = postfix("550 5.1.1 ユーザーが存在しません", "a@x.example").replace(
        b"message/delivery-status", b"message/global-delivery-status"
    )
    assert [found.cause for found in bounce.read(octets)] == [Cause.USER_UNKNOWN]


@pytest.mark.parametrize("name", AUTOMATIC)
def test_no_automatic_mail_is_taken_for_a_bounce(name: str) -> None:
    for octets in (AUTOMATIC[name], with_bare_lf(AUTOMATIC[name])):
        assert [
            found for found in bounce.read(octets) if found.class_ is not Class.NONE or found.is_final
        ] == []


@pytest.mark.parametrize("name", DELAYS)
def test_a_delay_is_neither_final_nor_permanent(name: str) -> None:
    (found,) = bounce.read(DELAYS[name])
    assert (found.is_final, found.is_permanent) == (False, False)


@pytest.mark.parametrize(
    ("told", "causes"),
    [
        (
            {"bounceSubType": "NoEmail", "bouncedRecipients": [{"emailAddress": "a@x.jp"}]},
            [Cause.USER_UNKNOWN],
        ),
        (
            {"bouncedRecipients": [{"emailAddress": "a@x.jp", "diagnosticCode": "smtp; 552 5.2.2 full"}]},
            [Cause.MAILBOX_FULL],
        ),
        ({"bouncedRecipients": "nonsense"}, []),
        ([], []),
    ],
)
def test_a_sending_service_tells_in_json(told: object, causes: list[Cause]) -> None:
    octets = mail(json.dumps({"notificationType": "Bounce", "bounce": told}), **{"from": "ses@x.example"})
    found = [each.cause for each in bounce.read(octets)]
    assert [cause for cause in found if cause is not Cause.UNDECIDED] == causes


def test_a_complaint_in_json_is_no_bounce() -> None:
    told = {
        "notificationType": "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": "a@x.jp"}]},
    }
    (found,) = bounce.read(mail(json.dumps(told)))
    assert (found.class_, found.is_final) == (Class.NONE, False)


@pytest.mark.parametrize("text", ["", "?", "Sayonara."])
def test_a_subject_alone_is_no_bounce(text: str) -> None:
    assert bounce.read(mail(text, subject="failure notice")) == []
