"""What an answer does, in one transaction.

Owns the decision by kind of letter and meaning of words. Every genuine answer confirms the delivery that it
answers. Refuses to carry anything out itself: `registration`, `withdrawal`, `change_of_address` and `inquiry`
do. Fails with `AnswerStranger`, `BudgetSpent`, `DatabaseUnavailable`.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from appliance import change_of_address, db, doubt, inquiry, registration, withdrawal
from appliance.address import Address as MailAddress
from appliance.answer import form, words
from appliance.answer.words import Intent, Meaning
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.directory.schools import classes
from appliance.errors import (
    AnswerStranger,
    BudgetSpent,
    ClassGone,
    NameInvalid,
    SchoolClosed,
    TokenExpired,
    TokenUnknown,
    TokenUsed,
    WrongState,
)
from appliance.keys import Keyring, Purpose
from appliance.keystore import WARD
from appliance.models import Address, Confirmation, Delivery, Inbound, Registration
from appliance.registration.budgets import GENEROUS, BudgetKind, Budgets, Purse
from appliance.registration.request import address_row, answers_within, claim_digests
from appliance.states import RegistrationState

ASKS = 3
"""So often one registration is asked again by mail; after that the link is still there."""
LETTER_LIFE = timedelta(hours=24)
WINDOW = timedelta(hours=1)
_ACTS = (Intent.WITHDRAW, Intent.CHANGE)
"""What a stranger at a recycled address must not do to a child's registration."""
_FORM_LETTERS = (LetterKind.REPLY, LetterKind.ASK_AGAIN, LetterKind.NOT_ENCRYPTED)
_CAUSED = (
    LetterKind.REPLY, LetterKind.ASK_AGAIN, LetterKind.NOT_ENCRYPTED, LetterKind.LINK_EXPIRED,
    LetterKind.WITHDRAW, LetterKind.CLOSED_SCHOOL,
    LetterKind.CHANGE, LetterKind.CHANGE_HOW, LetterKind.LANGUAGE, LetterKind.HELP, LetterKind.PROVE,
)  # fmt: skip


class Done(StrEnum):
    """What came of an answer; for the log."""

    AGAIN = "again"  # this very mail had been taken before
    CONFIRMED = "confirmed"  # 確認, and nothing more
    REGISTERED = "registered"
    ASKED_AGAIN = "asked_again"
    ASKED_ENOUGH = "asked_enough"
    NOT_ENCRYPTED = "not_encrypted"
    LINK_EXPIRED = "link_expired"
    WITHDRAWAL_ASKED = "withdrawal_asked"
    WITHDRAWN = "withdrawn"
    CHANGE_ASKED = "change_asked"
    CHANGED = "changed"
    LANGUAGE = "language"
    HELPED = "helped"
    INQUIRY = "inquiry"
    PROOF_ASKED = "proof_asked"  # nobody knows whether it is still the guardian who writes
    DISOWNED = "disowned"  # who reads there is not the guardian
    NOTHING = "nothing"  # asked for what is not there any more


@dataclass(frozen=True, slots=True)
class Answer:
    """One mail to a signed address. `text` is what was newly written, `quoted` the rest; neither is kept."""

    delivery_id: int
    sender: MailAddress
    digest: bytes = field(repr=False)
    encrypted: bool
    subject: str = field(repr=False, default="")
    text: str = field(repr=False, default="")
    quoted: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Question:
    """One mail to the inquiry address, and what budgets count of it (`registration.budgets.Counted`).

    `local_part` is the code that the budgets know it by: one for all names of the inquiry address.
    """

    sender: MailAddress
    digest: bytes = field(repr=False)
    text: str = field(repr=False)
    network: str = ""
    doubtful: bool = False
    local_part: str = "toiawase"


@dataclass(frozen=True, slots=True)
class _Case:
    """An answer with what the database knows about it."""

    keyring: Keyring
    answer: Answer
    delivery: Delivery
    address: Address
    now: datetime
    budget: int
    names_max: int

    @property
    def registration(self) -> Registration | None:
        found: Registration | None = self.delivery.registration
        return found

    @property
    def pending(self) -> Registration | None:
        """The registration that the answered letter would complete, if it still waits."""
        found = self.registration if self.delivery.kind in _FORM_LETTERS else None
        return found if found is not None and found.state == RegistrationState.REQUESTED else None

    def confirmed(self) -> list[Registration]:
        """What the address has at the school."""
        return list(
            Registration.select().where(
                Registration.address == self.address.id, Registration.state == RegistrationState.CONFIRMED
            )
        )

    def write(self, kind: LetterKind, about: str = "") -> None:
        """A letter back, within the hour's budget. Raises `BudgetSpent`."""
        self.spend()
        asked = self.delivery.registration_id
        letters.queue(kind, self.address, now=self.now, life=LETTER_LIFE, registration_id=asked, about=about)

    def spend(self) -> None:
        sent = Delivery.select().where(
            Delivery.address == self.address.id,
            Delivery.kind.in_(_CAUSED),
            Delivery.created_at > self.now - WINDOW,
        )
        if sent.count() >= self.budget:
            raise BudgetSpent("too many answers from one address")


def take(keyring: Keyring, answer: Answer, *, now: datetime, budget: int = 10, names_max: int = 60) -> Done:
    """Does what the answer asks for. When it returns, that is committed.

    `budget`: letters an hour that one address may cause by answers; `names_max`: characters of a name.
    """
    with db.transaction():
        delivery = Delivery.get_or_none(Delivery.id == answer.delivery_id)
        address = None if delivery is None else Address.get_by_id(delivery.address_id)
        if delivery is None or address is None or not _same(keyring, answer.sender, address):
            raise AnswerStranger("not from the address that got this mail")
        if not claim_digests([answer.digest], now):
            return Done.AGAIN
        Confirmation.insert(delivery=delivery.id, at=now, how="reply").on_conflict_ignore().execute()
        return _decide(_Case(keyring, answer, delivery, address, now, budget, names_max))


def inquire(
    keyring: Keyring, asked: Question, *, now: datetime, budget: int = 10, budgets: Budgets = GENEROUS
) -> Done:
    """Keeps mail to the inquiry address, which anybody may write to, within the budgets of empty mails.

    Whom nobody vouches for gets no acknowledgement: the sender may be somebody who never wrote. Raises
    `BudgetSpent`, `DatabaseUnavailable`.
    """
    if not asked.text.strip():
        return Done.NOTHING
    with db.transaction():
        if not claim_digests([asked.digest], now):
            return Done.AGAIN
        purse = Purse(keyring, budgets, [asked], now)
        index = keyring.index(Purpose.ADDRESSES, asked.sender.index_form)
        if answers_within({index}, now - WINDOW).get(index, 0) >= budget:
            refused: BudgetKind | None = purse.refuse(BudgetKind.ADDRESS)
        else:
            refused = purse.refusal(0, asked.local_part)
        if refused is None:
            address = address_row(keyring, WARD, asked.sender, now)
            inquiry.keep(
                keyring, address, asked.text, now=now, delivery_id=None, acknowledge=not asked.doubtful
            )
        else:  # the sender's retry is no repetition
            Inbound.delete().where(Inbound.digest == asked.digest).execute()
        purse.close()
    if refused is not None:
        raise BudgetSpent(f"too many inquiries: {refused}")
    return Done.INQUIRY


def _same(keyring: Keyring, sender: MailAddress, address: Address) -> bool:
    return hmac.compare_digest(
        keyring.index(Purpose.ADDRESSES, sender.index_form), bytes(address.address_index)
    )


def _decide(case: _Case) -> Done:
    said = words.meaning(case.answer.subject, case.answer.text)
    if (said.intent in _ACTS or case.delivery.kind == LetterKind.PROVE) and doubt.is_doubted(case.address.id):
        return _in_doubt(case, said)
    if said.intent is Intent.YES and case.delivery.kind == LetterKind.WITHDRAW:
        return _withdraw(case)
    if said.intent is Intent.YES and case.delivery.kind == LetterKind.CHANGE:
        return _change(case)
    if said.intent is Intent.WITHDRAW:
        return _ask_to_withdraw(case)
    if said.intent is Intent.LANGUAGE:
        return _speak(case, said)
    if said.intent is Intent.HELP:
        case.write(LetterKind.HELP)
        return Done.HELPED
    if said.intent is Intent.CHANGE and case.confirmed():
        return _ask_to_change(case, said)
    if case.delivery.kind in _FORM_LETTERS:
        return _fill_in(case)
    if said.intent is Intent.FREE:
        return _keep(case)
    return Done.CONFIRMED


def _in_doubt(case: _Case, said: Meaning) -> Done:
    """A stranger may be writing: nothing is ended or moved before the address has proved itself."""
    if case.delivery.kind == LetterKind.PROVE and said.intent is Intent.NO:
        doubt.disown(case.address.id, case.now)
        return Done.DISOWNED
    if said.intent is Intent.FREE:
        return _keep(case)
    asked = Delivery.select().where(
        Delivery.address == case.address.id,
        Delivery.kind == LetterKind.PROVE,
        Delivery.created_at > case.now - LETTER_LIFE,
    )
    if asked.count() >= ASKS:
        return Done.ASKED_ENOUGH
    case.spend()
    letters.queue(
        LetterKind.PROVE, case.address, now=case.now, life=LETTER_LIFE,
        registration_id=min(row.id for row in case.confirmed()),
    )  # fmt: skip
    return Done.PROOF_ASKED


def _keep(case: _Case) -> Done:
    text = case.answer.text.strip() or case.answer.subject
    inquiry.keep(case.keyring, case.address, text, now=case.now, delivery_id=case.delivery.id)
    return Done.INQUIRY


# --- registration completed by answer


def _fill_in(case: _Case) -> Done:
    pending = case.pending
    if pending is None or pending.expires_at <= case.now:
        return _too_late(case)
    if not case.answer.encrypted:
        case.write(LetterKind.NOT_ENCRYPTED)
        return Done.NOT_ENCRYPTED
    filled = form.read(case.answer.text, case.answer.quoted, classes(pending.school_id), case.names_max)
    if filled.missing:
        return _ask_again(case, pending, filled.missing)
    try:
        registration.confirm_by_answer(
            case.keyring,
            pending.id,
            school_class_id=filled.school_class_id or 0,
            child_name=filled.child_name or "",
            guardian_name=filled.guardian_name or "",
            now=case.now,
            names_max=case.names_max,
        )
    except SchoolClosed:
        case.write(LetterKind.CLOSED_SCHOOL)
        return Done.LINK_EXPIRED
    except (TokenUsed, TokenExpired, TokenUnknown):
        return _too_late(case)
    except ClassGone:
        return _ask_again(case, pending, ("school_class",))
    except NameInvalid as refused:
        return _ask_again(case, pending, (refused.field,))
    return Done.REGISTERED


def _too_late(case: _Case) -> Done:
    """Who is registered already needs no letter; who is not begins anew."""
    found = case.registration
    if found is not None and found.state == RegistrationState.CONFIRMED:
        return Done.CONFIRMED
    case.write(LetterKind.LINK_EXPIRED)
    return Done.LINK_EXPIRED


def _ask_again(case: _Case, pending: Registration, missing: tuple[str, ...]) -> Done:
    asked = Delivery.select().where(
        Delivery.registration == pending.id, Delivery.kind == LetterKind.ASK_AGAIN
    )
    if asked.count() >= ASKS:
        return Done.ASKED_ENOUGH
    case.write(LetterKind.ASK_AGAIN, ",".join(missing))
    return Done.ASKED_AGAIN


# --- withdrawal, change of address, language


def _ask_to_withdraw(case: _Case) -> Done:
    """What is only requested ends at once; what is confirmed, after a yes to one more letter."""
    pending = case.pending
    if pending is not None:
        withdrawal.end(pending, case.now)
        letters.queue(LetterKind.WITHDRAWN, case.address, now=case.now, life=LETTER_LIFE)
        return Done.WITHDRAWN
    if not case.confirmed():
        return Done.NOTHING
    case.write(LetterKind.WITHDRAW)
    return Done.WITHDRAWAL_ASKED


def _withdraw(case: _Case) -> Done:
    confirmed = case.confirmed()
    if not confirmed or case.now - case.delivery.created_at >= LETTER_LIFE:
        return Done.NOTHING
    for row in confirmed:
        child_id = row.child_id
        withdrawal.end(row, case.now)
        withdrawal.forget_child(child_id)
    letters.queue(LetterKind.WITHDRAWN, case.address, now=case.now, life=LETTER_LIFE)
    return Done.WITHDRAWN


def _ask_to_change(case: _Case, said: Meaning) -> Done:
    confirmed = case.confirmed()
    if said.address is None:
        case.write(LetterKind.CHANGE_HOW)
        return Done.HELPED
    case.spend()  # the letter goes elsewhere, but this address answers for it
    already = Delivery.select().where(
        Delivery.registration.in_([row.id for row in confirmed]),
        Delivery.kind == LetterKind.CHANGE,
        Delivery.created_at > case.now - LETTER_LIFE,
    )
    if already.count() >= ASKS:
        raise BudgetSpent("too many new addresses from one address")
    if said.address.index_form == case.answer.sender.index_form:
        case.write(LetterKind.CHANGE_HOW)
        return Done.HELPED
    change_of_address.ask(case.keyring, confirmed[0], said.address, case.now)
    return Done.CHANGE_ASKED


def _change(case: _Case) -> Done:
    try:
        change_of_address.complete(case.delivery, case.now)
    except WrongState:
        return Done.NOTHING
    return Done.CHANGED


def _speak(case: _Case, said: Meaning) -> Done:
    """The language from now on; who is not registered yet gets the reply in it once more."""
    Address.update(language=said.language).where(Address.id == case.address.id).execute()
    case.write(LetterKind.LANGUAGE if case.pending is None else LetterKind.REPLY)
    return Done.LANGUAGE
