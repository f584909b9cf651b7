"""From status, reply code, command and text to one cause: decided here and nowhere else.

Owns the order of trust: what the receiver said in words, then its enhanced code, then its reply code,
then what the reporting system says in its own words. A text wins over a code because receivers choose
codes carelessly (a full mailbox under 5.1.1, a blacklist under 5.1.1). Refuses to read mail. Cannot fail:
what nothing explains is `Cause.UNDECIDED`.

"No such user" is `USER_UNKNOWN` where it answers RCPT or comes with 5.1.1. Said later, or nobody knows
when, it may be a filter that does not want to be seen (docomo, au): `FILTERED`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from smtp.bounce import words
from smtp.bounce.cause import Cause, Class
from smtp.bounce.evidence import Command, Evidence, code_in, command_in, enhanced_in, quotation

# RFC 3463 and the IANA registry, without the class digit.
_STATUSES = {
    "1.0": Cause.USER_UNKNOWN,
    "1.1": Cause.USER_UNKNOWN,
    "1.2": Cause.HOST_UNKNOWN,
    "1.3": Cause.USER_UNKNOWN,
    "1.4": Cause.FILTERED,
    "1.6": Cause.HAS_MOVED,
    "1.7": Cause.REJECTED,
    "1.8": Cause.REJECTED,
    "1.9": Cause.SYSTEM,
    "1.10": Cause.NOT_ACCEPTING,
    "2.0": Cause.FILTERED,
    "2.1": Cause.FILTERED,
    "2.2": Cause.MAILBOX_FULL,
    "2.3": Cause.EXCEEDS_LIMIT,
    "2.4": Cause.FILTERED,
    "3.0": Cause.SYSTEM,
    "3.1": Cause.SYSTEM_FULL,
    "3.2": Cause.NOT_ACCEPTING,
    "3.3": Cause.SYSTEM,
    "3.4": Cause.TOO_BIG,
    "3.5": Cause.SYSTEM,
    "4.0": Cause.NETWORK,
    "4.1": Cause.NETWORK,
    "4.2": Cause.NETWORK,
    "4.3": Cause.NETWORK,
    "4.4": Cause.HOST_UNKNOWN,
    "4.5": Cause.SYSTEM_FULL,
    "4.6": Cause.NETWORK,
    "4.7": Cause.EXPIRED,
    "4.300": Cause.EXPIRED,
    "4.310": Cause.HOST_UNKNOWN,
    "4.312": Cause.NETWORK,
    "4.316": Cause.EXPIRED,
    "4.317": Cause.NETWORK,
    "5.0": Cause.MAILER,
    "5.1": Cause.SYNTAX,
    "5.2": Cause.SYNTAX,
    "5.3": Cause.TOO_FAST,
    "5.4": Cause.SYNTAX,
    "5.5": Cause.SYSTEM,
    "7.10": Cause.FAILED_TLS,
    "7.25": Cause.REQUIRES_PTR,
}
_SUBJECTS = {
    "4": Cause.NETWORK,
    "5": Cause.SYNTAX,
    "6": Cause.CONTENT,
    "7": Cause.POLICY,
    "1": Cause.USER_UNKNOWN,
}
_CODES = {
    421: Cause.EXPIRED,
    450: Cause.EXPIRED,
    451: Cause.SYSTEM,
    452: Cause.SYSTEM_FULL,
    500: Cause.SYNTAX,
    501: Cause.SYNTAX,
    502: Cause.SYNTAX,
    503: Cause.SYNTAX,
    504: Cause.SYNTAX,
    521: Cause.NOT_ACCEPTING,
    530: Cause.SECURITY,
    550: Cause.FILTERED,
    551: Cause.HAS_MOVED,
    552: Cause.MAILBOX_FULL,
    553: Cause.USER_UNKNOWN,
    554: Cause.POLICY,
    555: Cause.SYNTAX,
    556: Cause.NOT_ACCEPTING,
}
_CATEGORIES = {
    "bad mailbox": Cause.USER_UNKNOWN,
    "bad domain": Cause.HOST_UNKNOWN,
    "inactive mailbox": Cause.SUSPENDED,
    "quota issues": Cause.MAILBOX_FULL,
    "message expired": Cause.EXPIRED,
    "relaying issues": Cause.NO_RELAYING,
    "spam related": Cause.SPAM,
    "policy related": Cause.POLICY,
    "virus related": Cause.VIRUS,
    "bad configuration": Cause.SYSTEM,
    "noemail": Cause.USER_UNKNOWN,
    "mailboxfull": Cause.MAILBOX_FULL,
    "messagetoolarge": Cause.TOO_BIG,
    "contentrejected": Cause.CONTENT,
    "attachmentrejected": Cause.CONTENT,
}
_ADDRESS_STATUSES = frozenset({"1.0", "1.1", "1.3"})
_BEFORE_RCPT = (Command.CONNECT, Command.HELLO, Command.MAIL)
_VAGUE = frozenset({Cause.POLICY, Cause.SYSTEM, Cause.EXPIRED, Cause.CONTENT})
_SURE = frozenset(
    {"1.1", "1.2", "1.6", "1.10", "2.2", "2.3", "3.4", "7.25", "4.300", "4.310", "4.312", "4.316"}
)


Reading = Callable[[str], tuple[str, Cause | None]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`status` is "" and `reply_code` 0 where the report says none."""

    cause: Cause
    status: str
    reply_code: int

    @property
    def is_temporary(self) -> bool:
        """The report itself calls it so."""
        return _is_temporary(self.status, self.reply_code)

    @property
    def is_permanent(self) -> bool:
        return self.cause.is_permanent(temporary=self.is_temporary)


def judge_all(found: list[Evidence]) -> list[Judgement]:
    """One judgement per recipient. A text that is the same for several is searched once."""
    known: dict[str, tuple[str, Cause | None]] = {}

    def reading(text: str) -> tuple[str, Cause | None]:
        if text not in known:
            normal = words.normal(text)
            known[text] = normal, words.cause_of(normal) if normal else None
        return known[text]

    return [_judge(evidence, reading) for evidence in found]


def _judge(evidence: Evidence, reading: Reading) -> Judgement:
    said = evidence.diagnostic
    context = evidence.prose
    status = enhanced_in(said) or evidence.status or enhanced_in(quotation(context) or context)
    if status.endswith(".0.0"):
        status = enhanced_in(quotation(context) or context) or status
    code = code_in(said) or code_in(context)
    if evidence.action == "complained":
        return Judgement(Cause.FEEDBACK, status, code)
    if evidence.action in ("delivered", "deliverable", "relayed", "expanded") or status.startswith("2"):
        return Judgement(Cause.DELIVERED, status, code)
    command = command_in(context) if context else command_in(said)
    if command is Command.UNKNOWN:
        command = command_in(said)
    return Judgement(_cause(evidence, status, code, command, reading), status, code)


def _cause(evidence: Evidence, status: str, code: int, command: Command, reading: Reading) -> Cause:
    if evidence.category in _CATEGORIES:
        return _CATEGORIES[evidence.category]
    temporary = _is_temporary(status, code)
    quoted = quotation(evidence.prose)
    vague: Cause | None = None
    for text, own in (
        (evidence.diagnostic, True),
        (quoted, True),
        (evidence.prose, False),
        (evidence.everything, False),
    ):
        cause = _of_text(reading(text), status, command, temporary=temporary)
        if cause is None:
            continue
        if cause not in _VAGUE:
            return cause
        vague = vague or cause
        if own and (status[2:] in _SURE or temporary):
            break  # the receiver has said what it had to say
    if vague is None and evidence.is_delay:
        return Cause.EXPIRED
    sure = _STATUSES[status[2:]] if status[2:] in _SURE else None
    return sure or vague or _by_status(status) or _by_code(code, command) or Cause.UNDECIDED


def _of_text(
    read: tuple[str, Cause | None], status: str, command: Command, *, temporary: bool
) -> Cause | None:
    """What a text says, in the light of when it was said."""
    normal, cause = read
    if cause is None:
        return None
    if cause is Cause.USER_UNKNOWN and _may_be_filter(normal, status, command):
        cause = Cause.FILTERED
    if temporary and cause in (Cause.USER_UNKNOWN, Cause.HOST_UNKNOWN):
        return Cause.NETWORK if cause is Cause.HOST_UNKNOWN else Cause.SYSTEM  # nobody is gone for now
    if command in _BEFORE_RCPT and cause.class_ in (Class.GONE, Class.FULL):
        return Cause.BLOCKED  # nobody had been named yet: it is about us
    return cause


def _is_temporary(status: str, code: int) -> bool:
    return status.startswith("4") or not status and 400 <= code < 500


def _may_be_filter(text: str, status: str, command: Command) -> bool:
    """ "No such user", said so late or so vaguely that a filter may be meant."""
    if command is Command.RCPT or status[2:] in _ADDRESS_STATUSES:
        return False
    return status[2:] == "2.1" or words.is_ambiguous(text)


def _by_status(status: str) -> Cause | None:
    detail = status[2:]
    if not detail or detail == "0.0":
        return None
    return _STATUSES.get(detail) or _SUBJECTS.get(detail.partition(".")[0])


def _by_code(code: int, command: Command) -> Cause | None:
    if code == 550 and command is Command.RCPT:
        return Cause.USER_UNKNOWN
    if 400 <= code < 500:
        return _CODES.get(code, Cause.EXPIRED)
    return _CODES.get(code)
