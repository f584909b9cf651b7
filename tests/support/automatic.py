"""Mail that machines write and that is no bounce, in our own words: name → octets."""

from tests.support.bounces import SENDER, encoded, mail, postfix


def _from(sender: str, subject: str, *lines: str, **fields: str) -> bytes:
    return mail(*lines, **{"return_path": "", "from": sender, "subject": subject, **fields})


def _japanese(sender: str, subject: str, text: str, charset: str, transfer: str, **fields: str) -> bytes:
    body, content_type = encoded(text, charset, transfer)
    return _from(
        sender, subject, body, content_type=content_type, content_transfer_encoding=transfer, **fields
    )


REPLIES: dict[str, bytes] = {
    "vacation": _from(
        "Hanako <hanako@example.com>",
        "Out of Office: Re: Lunch",
        "I am out of the office until Monday and cannot receive mail. If it fails, call 550 1111.",
        auto_submitted="auto-replied",
    ),
    "vacation under the null path": _from(
        "Taro <taro@example.com>",
        "Automatic reply: weather",
        "Your message could not be read yet.",
        return_path="<>",
        x_auto_response_suppress="All",
        x_ms_exchange_inbox_rules_loop="taro@example.com",
    ),
    "vacation of a program that says only precedence": _from(
        "taro@example.com", "Re: hello", "Away.", precedence="auto_reply"
    ),
    "holiday, in Japanese": _japanese(
        "花子 <hanako@example.co.jp>",
        "=?utf-8?B?6Ieq5YuV6L+U5L+h?=",
        "ただいま休暇中のため、メールを受信できません。ご連絡は来週お願いいたします。",
        "iso2022_jp",
        "quoted-printable",
        auto_submitted="auto-replied",
    ),
    "away, in Japanese, by subject alone": _japanese(
        "花子 <hanako@example.co.jp>",
        "不在のお知らせ",
        "宛先の者は不在です。送信できませんでした、ではありません。",
        "utf-8",
        "base64",
        return_path="<>",
    ),
    "ticket": _from(
        "Support <support@example.com>",
        "[Ticket #55012] request received",
        "We failed to answer at once; 550 people wait before you.",
        auto_submitted="auto-generated",
    ),
    "inquiry taken, in Japanese": _japanese(
        "no-reply@example.co.jp",
        "お問い合わせを受け付けました",
        "このメールは自動送信されています。返信しないでください。エラーではありません。",
        "utf-8",
        "base64",
        auto_submitted="auto-generated",
    ),
    "challenge": _from(
        "hanako@example.com",
        "Please confirm your message",
        "Your message is held and will not be delivered until you reply.",
        auto_submitted="auto-replied",
    ),
    "carrier notice, in Japanese": _japanese(
        "docomo <no-reply@docomo.example>",
        "【自動送信】迷惑メール設定変更のお知らせ",
        "受信拒否設定が変更されました。このメールにご返信いただいてもお答えできません。",
        "iso2022_jp",
        "base64",
        return_path="<>",
    ),
    "storage notice of a provider, in Japanese": _japanese(
        "postmaster@provider.example",
        "自動配信 メールボックス容量のお知らせ",
        "メールボックスの容量が一杯になりました。",
        "utf-8",
        "base64",
        return_path="<>",
    ),
    "auto reply from postmaster": _from(
        "postmaster@example.com",
        "Auto-Reply: your mail to postmaster",
        "We could not answer yet. No message was rejected.",
        auto_submitted="auto-replied",
    ),
    "read receipt": _from(
        "Taro <taro@example.com>",
        "Read: school closes at 11",
        "--m",
        "Content-Type: text/plain",
        "",
        "Your message was read.",
        "--m",
        "Content-Type: message/disposition-notification",
        "",
        "Final-Recipient: rfc822; taro@example.com",
        "Disposition: automatic-action/MDN-sent-automatically; displayed",
        "",
        "--m--",
        return_path="<>",
        content_type='multipart/report; report-type=disposition-notification; boundary="m"',
    ),
    "complaint": _from(
        "fbl@example.com",
        "complaint",
        "--f",
        "Content-Type: text/plain",
        "",
        "This is an abuse report; the mail was not rejected.",
        "--f",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "Version: 1",
        "Original-Rcpt-To: taro@example.com",
        "",
        "--f--",
        return_path="<>",
        content_type='multipart/report; report-type=feedback-report; boundary="f"',
    ),
    "success": postfix("250 2.0.0 Ok: queued as 9B2", "taro@example.com", "DATA", action="relayed"),
    "a person": _from(
        "Taro <taro@example.com>", "Re: school closes", "Delivery failed? 550 5.1.1 user unknown?"
    ),
    "a person, in Japanese": _japanese(
        "Taro <taro@example.com>",
        "Re: 休校",
        "メールが届きません。送信できませんと出ます。",
        "iso2022_jp",
        "base64",
    ),
    "newsletter": _from(
        "shop@example.com", "Delivery problem? Free shipping", "Not delivered? 550 yen!", precedence="bulk"
    ),
}

DELAYS: dict[str, bytes] = {
    "Postfix, after four hours": postfix("450 4.2.0 Greylisted", "taro@example.com", action="delayed"),
    "prose": mail(
        "THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.",
        "Delivery to the following recipient has been delayed:",
        "",
        "     taro@example.com",
        "",
        "Message will be retried for 2 more day(s)",
        subject="Delivery Status Notification (Delay)",
    ),
    "sendmail": mail(
        "    **********************************************",
        "    **      THIS IS A WARNING MESSAGE ONLY      **",
        "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **",
        "    **********************************************",
        "   ----- The following addresses had transient non-fatal errors -----",
        "<taro@example.com>",
        "   ----- Transcript of session follows -----",
        "<taro@example.com>... Deferred: Connection timed out with mail.example.com.",
        "Warning: message still undelivered after 4 hours",
        "Will keep trying until message is 5 days old",
        subject="Warning: could not send message for past 4 hours",
    ),
}

assert all(SENDER.encode() in octets for octets in (*REPLIES.values(), *DELAYS.values()))
