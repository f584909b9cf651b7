"""「このアドレスは、いまも保護者のものか」: carriers give old addresses to new people; on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from appliance import clock, confirmation, delivery, doubt, evidence, reach
from appliance.actor import Role
from appliance.config import Config, Zone
from appliance.delivery import Kind, Outcome, Reason
from appliance.delivery.letters import LetterKind
from appliance.doubt import Doubt
from appliance.errors import NotAllowed, ProofUsedUp, TokenExpired, TokenUnknown
from appliance.evidence import Grade
from appliance.models import Address, Audit, Broadcast, Child, Confirmation, Delivery, Registration
from tests.flows.answering import TAKEN, House, Scene, letters, newest
from tests.flows.ward import Ward, found, result, take

ACCEPTED = Outcome(Kind.ACCEPTED, 250)
GONE = Outcome(Kind.FAILED, 550, "5.1.1", Reason.UNKNOWN_OR_FILTERED)
FULL = Outcome(Kind.FAILED, 552, "5.2.2", Reason.MAILBOX_FULL)
TARO = "taro@docomo.ne.jp"


@pytest.fixture
def ward(database: Config, morning: time_machine.Traveller) -> Ward:
    ward = found(database)
    ward.register(TARO, "山田 花子", "山田 太郎", ward.classes[0])
    Delivery.delete().execute()  # its letters are not the subject here
    return ward


def mail(ward: Ward, outcome: Outcome) -> Broadcast:
    """A broadcast to the school, and what came of it."""
    written = ward.draft()
    ward.send(written)
    settle(outcome)
    return written


def settle(outcome: Outcome) -> None:
    delivery.settle([result(row, outcome) for row in take("w1", "docomo")])


def swept(ward: Ward) -> doubt.Swept:
    """What the mail zone does by itself, again and again."""
    return doubt.sweep(ward.config, ward.school.id, clock.now())


def in_doubt(ward: Ward, morning: time_machine.Traveller) -> Broadcast:
    """Refused for five weeks, then the address takes a mail again."""
    morning.shift(timedelta(days=1))
    mail(ward, GONE)
    morning.shift(timedelta(days=36))
    swept(ward)
    return mail(ward, ACCEPTED)


def asked(ward: Ward) -> str:
    """The link in the letter that asks."""
    swept(ward)
    letter = Delivery.get(Delivery.kind == LetterKind.PROVE)
    return confirmation.token(ward.keyring(Zone.MAIL).secret("unsubscribe.key"), letter.id)


def prove(ward: Ward, link: str, name: str) -> bool:
    return confirmation.prove(ward.keyring(Zone.GUARDIAN), link, name, clock.now())


def mark() -> str:
    return Registration.get().doubt


def test_an_address_that_was_gone_for_weeks_and_accepts_again_reaches_nobody(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    sent = in_doubt(ward, morning)
    assert mark() == Doubt.REFUSED
    assert reach.count(sent) == reach.Reach(confirmed=0, accepted=0, waiting=0, none=1)
    (line,) = reach.call_sheet(ward.actor(), ward.keyring(Zone.ADMIN), sent)
    assert line.child_name == "山田 花子"
    assert [contact.doubtful for contact in line.contacts] == [True]
    assert evidence.of_address(Address.get().id, clock.now()) is Grade.D
    (weak,) = evidence.weak(ward.actor(), ward.keyring(Zone.ADMIN), ward.school.id, clock.now())
    assert weak.doubt is Doubt.REFUSED


def test_what_was_accepted_before_the_doubt_stays_accepted(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    morning.shift(timedelta(days=1))
    before = mail(ward, ACCEPTED)
    in_doubt(ward, morning)
    assert reach.count(before).accepted == 1


def test_a_filter_that_was_wrong_for_a_week_raises_no_doubt(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    morning.shift(timedelta(days=20))
    mail(ward, ACCEPTED)
    morning.shift(timedelta(days=8))
    mail(ward, GONE)
    morning.shift(timedelta(days=7))
    assert swept(ward) == doubt.Swept(0, 0)
    sent = mail(ward, ACCEPTED)
    assert reach.count(sent).accepted == 1


def test_a_full_mailbox_has_an_owner(ward: Ward, morning: time_machine.Traveller) -> None:
    morning.shift(timedelta(days=1))
    mail(ward, FULL)
    morning.shift(timedelta(days=90))
    assert swept(ward).doubted == 0


def test_nothing_heard_for_a_year_is_a_doubt_and_a_monthly_mail_that_arrives_is_none(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    for _ in range(13):
        morning.shift(timedelta(days=30))
        mail(ward, ACCEPTED)
        assert swept(ward).doubted == 0
    morning.shift(timedelta(days=364))
    assert swept(ward).doubted == 0
    morning.shift(timedelta(days=2))
    assert swept(ward).doubted == 1
    assert mark() == Doubt.SILENT


def test_an_address_in_doubt_gets_one_letter_that_asks_and_only_when_it_takes_mail(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    morning.shift(timedelta(days=1))
    mail(ward, GONE)
    morning.shift(timedelta(days=36))
    assert swept(ward) == doubt.Swept(1, 0)
    mail(ward, ACCEPTED)
    assert [swept(ward).asked for _ in range(3)] == [1, 0, 0]
    settle(ACCEPTED)
    mail(ward, ACCEPTED)
    assert swept(ward).asked == 0


def test_a_letter_that_got_lost_is_written_again(ward: Ward, morning: time_machine.Traveller) -> None:
    in_doubt(ward, morning)
    swept(ward)
    settle(GONE)
    assert swept(ward).asked == 1


def test_the_guardian_writes_the_childs_name_and_counts_again(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    sent = in_doubt(ward, morning)
    link = asked(ward)
    assert confirmation.look(ward.keyring(Zone.GUARDIAN).secret("unsubscribe.key"), link, clock.now()).by_name
    assert prove(ward, link, "山田　花子")
    assert mark() == Doubt.NONE
    assert reach.count(sent).accepted == 1
    assert evidence.of_address(Address.get().id, clock.now()) is Grade.A
    morning.shift(timedelta(days=29))
    assert swept(ward) == doubt.Swept(0, 0)


def test_a_stranger_who_guesses_names_is_told_nothing_and_soon_may_not_go_on(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    ward.register("sato@ezweb.ne.jp", "佐藤 健", "佐藤 恵", ward.classes[1])  # another child of the school
    in_doubt(ward, morning)
    link = asked(ward)
    assert [prove(ward, link, name) for name in ("佐藤 健", "鈴木 翼", "山田 太郎", "花子", "山田")] == [
        False
    ] * 5
    with pytest.raises(ProofUsedUp):
        prove(ward, link, "山田 花子")
    assert Registration.get(Registration.doubted_at.is_null(False)).doubt == Doubt.REFUSED


def test_the_answer_of_whoever_reads_there_does_not_reach_the_child(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    sent = in_doubt(ward, morning)
    answered = Delivery.get(Delivery.broadcast == sent.id)
    Confirmation.create(delivery=answered, at=clock.now(), how="reply")
    assert reach.count(sent).none == 1
    assert len(reach.call_sheet(ward.actor(), ward.keyring(Zone.ADMIN), sent)) == 1


def test_another_parent_of_the_child_is_reached_and_a_stranger_hears_nothing_about_the_family(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    in_doubt(ward, morning)
    ward.register("yuki@gmail.com", "山田 花子", "山田 雪", ward.classes[0])
    assert [row.kind for row in Delivery.select().where(Delivery.broadcast.is_null())] == ["reply", "welcome"]
    sent = ward.draft()
    ward.send(sent)
    for site in ("docomo", "google"):
        delivery.settle([result(row, ACCEPTED) for row in take("w1", site)])
    assert reach.count(sent).accepted == 1


def test_registering_the_same_child_anew_is_proof_and_another_child_is_not(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    in_doubt(ward, morning)
    ward.register(
        TARO, "田中 蓮", "田中 葵", ward.classes[1]
    )  # the new owner has a child at this school, too
    states = {
        row.child.id: row.doubt for row in Registration.select().where(Registration.state == "confirmed")
    }
    old, new = Child.select().order_by(Child.created_at)
    assert states == {old.id: "refused", new.id: ""}
    ward.confirm(ward.link(ward.empty_mail(TARO).registration_id), "山田 花子", "山田 太郎", ward.classes[0])
    assert not doubt.is_doubted(Address.get().id)


def test_the_school_may_vouch_after_a_telephone_call_and_it_is_recorded(
    ward: Ward, morning: time_machine.Traveller
) -> None:
    in_doubt(ward, morning)
    with pytest.raises(NotAllowed):
        doubt.vouch(ward.actor(Role.WARD_OFFICER), Registration.get(), clock.now())
    doubt.vouch(ward.actor(), Registration.get(), clock.now())
    assert mark() == Doubt.NONE
    assert Audit.select().order_by(Audit.id.desc()).get().act == "address.vouched"


def test_nobody_is_removed_and_broadcasts_go_on(ward: Ward, morning: time_machine.Traveller) -> None:
    in_doubt(ward, morning)
    doubt.disown(Address.get().id, clock.now())
    assert (Registration.get().state, mark()) == ("confirmed", Doubt.DISOWNED)
    written = ward.draft()
    assert ward.send(written) == 1  # urgent
    assert Address.get().routine_off_at is not None


def test_a_stranger_cannot_leave_or_move_by_answer_and_is_asked_to_prove_himself(
    ward: Ward, morning: time_machine.Traveller, answering: Callable[[Scene], None]
) -> None:
    sent = in_doubt(ward, morning)
    got = Delivery.get(Delivery.broadcast == sent.id)

    async def scene(house: House) -> None:
        for text in ("解除", "変更 mallory@example.com"):
            assert (await house.answer(got, text, TARO)).startswith(TAKEN)
        letter = newest(LetterKind.PROVE)
        assert (await house.answer(letter, "はい", TARO)).startswith(TAKEN)  # no proof
        assert letters()[2:] == ["prove"] * 3
        assert mark() == Doubt.REFUSED
        assert (await house.answer(letter, "いいえ", TARO)).startswith(TAKEN)
        assert mark() == Doubt.DISOWNED

    answering(scene)
    assert [row.state for row in Registration.select()] == ["confirmed"]


def test_who_has_proved_himself_may_leave_as_before(
    ward: Ward, morning: time_machine.Traveller, answering: Callable[[Scene], None]
) -> None:
    sent = in_doubt(ward, morning)
    assert prove(ward, asked(ward), "山田 花子")

    async def scene(house: House) -> None:
        got = Delivery.get(Delivery.broadcast == sent.id)
        assert (await house.answer(got, "解除", TARO)).startswith(TAKEN)

    answering(scene)
    assert newest(LetterKind.WITHDRAW).address_id == Address.get().id


def test_a_link_is_for_its_mail_only_and_not_for_ever(ward: Ward, morning: time_machine.Traveller) -> None:
    sent = in_doubt(ward, morning)
    link = asked(ward)
    key = ward.keyring(Zone.MAIL).secret("unsubscribe.key")
    ordinary = Delivery.get(Delivery.broadcast == sent.id)
    with pytest.raises(TokenUnknown):
        confirmation.look(key, confirmation.token(key, ordinary.id), clock.now())
    with pytest.raises(TokenUnknown):  # a press is not enough
        confirmation.confirm(key, link, clock.now())
    morning.shift(timedelta(days=31))
    with pytest.raises(TokenExpired):
        prove(ward, link, "山田 花子")
