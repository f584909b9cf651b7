"""Which mail is no bounce although a machine wrote it: vacations, answers, tickets, challenges.

Owns the signs (RFC 3834, the header fields of common programs, the words of subjects in several languages).
In doubt a mail is not a bounce: to miss one costs a line in a list, to invent one costs a family its mail.
Refuses to read status reports, which come first. Never fails; linear.
"""

import re

from smtp.bounce.evidence import code_in, enhanced_in
from smtp.bounce.mime import Mail

_REPLY_FIELDS = frozenset({
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-autoreply-from", "x-mail-autoreply",
    "x-ms-exchange-inbox-rules-loop", "x-vacation", "x-ms-exchange-generated-message-source", "x-cron-env",
    "x-facebook-notify", "x-otrs-loop", "x-rt-loop-prevention", "x-zendesk-from-account-id",
    "x-jira-fingerprint",
})  # fmt: skip
_REPLY_SUBJECT = re.compile(
    r"auto(?:matic(?:ally)?)?[- ]?(?:generated )?(?:reply|response|respond|answer)|out of (?:the )?office"
    r"|vacation|on (?:leave|holiday)|away from|absence|abwesen"
    r"|automatische antwort|r[ée]ponse automatique|自動(?:返信|応答|回答|送信|配信)|不在|休暇"
    r"|受け?付け?(?:ました|完了)|受信しました|お問い?合わ?せ|確認のお願い|confirm|ticket|\[?case ?#?\d"
    r"|request received|challenge",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"mailer[-_ ]?daemon|post[-_]?master|sysadmin|poostmaster|mail[- ]?(?:delivery|administrator|system"
    r"|deliver)|mmdf|^\s*(?:<>)?\s*$|\broot@|no-?reply@|system administrator|delivery (?:subsystem"
    r"|system)|undeliverable|mail-?daemon|virus|<>",
    re.IGNORECASE,
)
_FAILURE_SUBJECT = re.compile(
    r"undeliver|returned mail|return(?:ed)? to sender|fail|deliver(?:y|ed) (?:status|report|problem|error"
    r"|notification|delay)|not be delivered|could not|non[ -]?(?:remis|deliv)|mail (?:system )?error"
    r"|bounce|message (?:not )?(?:status|delivery)|rejected|unzustellbar"
    r"|delayed|warning|blocked|notice: mail|mail$|недоставл|не доставл|エラー|配信(?:不能|できま|失敗"
    r"|エラー)|配達|送信(?:できま|エラー|失敗|不能)|届(?:きま|け)|不達|戻って|not (?:a )?member",
    re.IGNORECASE,
)
_FAILURE_TEXT = re.compile(
    r"(?:not|n't|unable|fail\w*|cannot|never|without) .{0,60}(?:deliver|sent|send|reach|accept|arrive)"
    r"|(?:deliver|mail|message|transport|send|recipient)\w*.{0,60}(?:fail|error|problem|reject|refus"
    r"|blocked|impossible|return|bounce|delayed|expired|rescind)"
    r"|delivery (?:errors|problems)|(?:error|trouble|problem|failure|failed)s? (?:in |with "
    r"|while )?(?:deliver|sending)|failure reason|incorrectly constructed|malformed|invalid user"
    r"|error message|undeliver|following (?:address|recipient|user)|permanent (?:fatal )?error"
    r"|transcript of session|user unknown|unknown user|no such (?:user|host|address)"
    r"|mailbox.{0,40}(?:full|unavailable|exceed)|could(?: not|n't)|did not reach|not a member"
    r"|recipient not found|>>> (?:RCPT|DATA|MAIL)|\b[45]\d\d[ -][45]\.\d"
    r"|neexistuje|nicht (?:zugestellt|möglich)|échec|не может быть|送信(?:でき|に失敗|不能)|配信(?:でき"
    r"|に失敗|不能)|配達(?:でき|不能)|届け(?:る|られ|でき)|お届けでき|見つかりません|容量|一杯|いっぱい"
    r"|拒否|存在しません|不明|エラー",
    re.IGNORECASE,
)
_LIST_SENDER = re.compile(r"-admin@|-owner@|-request@|owner-|fml", re.IGNORECASE)
_LIST_REFUSAL = re.compile(
    r"not (?:a )?member|reject|not allowed to post|not subscribed|error message|loop alert|security alert"
    r"|\bfrom loop|spam mail from",
    re.IGNORECASE,
)


def is_reply(mail: Mail) -> bool:
    """A program answered for a person: a vacation, a ticket, a challenge."""
    if any(name in _REPLY_FIELDS for name, _ in mail.headers):
        return True
    if re.search(r"auto[-_]?reply", mail.first("precedence"), re.IGNORECASE):
        return True
    return _REPLY_SUBJECT.search(mail.first("subject")[:300]) is not None


def is_automatic(mail: Mail) -> bool:
    """Any sign at all that no person wrote it (RFC 3834 5)."""
    submitted = mail.first("auto-submitted").lower()
    return is_reply(mail) or bool(submitted) and not submitted.startswith("no")


def is_bounce(mail: Mail, text: str) -> bool:
    """A mail without status fields that nevertheless tells of a failure."""
    if mail.first("x-failed-recipients"):
        return True
    subject = mail.first("subject")[:300]
    if _LIST_SENDER.search(mail.first("from")[:300]) and _LIST_REFUSAL.search(subject):
        return True
    if is_reply(mail):
        return False
    from_machine = _MACHINE.search(mail.first("from")[:300]) is not None
    null_path = mail.first("return-path").strip() in ("<>", "<MAILER-DAEMON>")
    if not (from_machine or null_path):
        return False
    says_so = _FAILURE_SUBJECT.search(subject) is not None
    tells_it = _FAILURE_TEXT.search(text[:16000]) is not None
    if from_machine and not tells_it:
        return says_so and _names_something(text)
    return from_machine or says_so and tells_it


def _names_something(text: str) -> bool:
    """Beside its subject the mail has at least an address or a code to show."""
    return "@" in text or code_in(text) != 0 or enhanced_in(text) != ""
