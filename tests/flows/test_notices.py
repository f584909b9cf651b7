"""A clerk is told by mail of what happens to the own login, at the address that sent an empty mail."""

import email
import email.policy
import os
import re
from datetime import timedelta

import pytest
import time_machine

from appliance import account, address, clock, delivery, notice, registration
from appliance.account import factor, handover, recovery
from appliance.actor import Actor, Role
from appliance.audit import Act
from appliance.config import Zone
from appliance.delivery import Kind, Outcome
from appliance.errors import LoginRefused, TokenUnknown
from appliance.models import Account, Address, Audit, Delivery, Notice, NoticeAddress
from appliance.registration.upkeep import KEEP_UNCONFIRMED
from appliance.states import AccountState, DeliveryState
from smtp.render import Renderer
from tests.flows.ward import Ward, result, take, together

HOME, WORK = "sensei.jitaku@docomo.ne.jp", "sensei@midori.example.jp"
PASSWORD, NEW = "ajisai-no-saku-michi-7", "kawa-no-hotori-12"


@pytest.fixture
def sensei(ward: Ward) -> Actor:
    made = account.add(
        ward.config,
        login_id="sensei",
        role=Role.STAFF,
        display_name="教諭 佐藤",
        school_ids=[ward.school.id],
        password=PASSWORD,
        now=clock.now(),
    )
    return ward.actor(Role.STAFF, account_id=made.id)


def empty_mail(ward: Ward, sender: str, asked: str, digest: bytes = b"") -> None:
    sent = address.parse(sender)
    notice.take(ward.keyring(Zone.MAIL), asked, sent, digest or os.urandom(32), clock.now())


def told_at(ward: Ward, actor: Actor, sender: str = HOME) -> None:
    """The clerk has sent the empty mail, and read the letter that came back."""
    empty_mail(ward, sender, notice.ask(actor, clock.now()))
    tell(ward)
    mails(ward)


def tell(ward: Ward) -> int:
    return notice.tell(ward.config, clock.now())


def log_in(ward: Ward, password: str = PASSWORD, *, browser: bytes | None = b"known") -> None:
    account.login(
        ward.config, Zone.ADMIN, "sensei", password, network="192.0.2.7", now=clock.now(), browser=browser
    )


def mails(ward: Ward) -> list[tuple[str, str, str]]:
    """To whom, subject and text of those that wait, as they are read; they have arrived then."""
    found, renderer = [], Renderer(ward.config, ward.keyring(Zone.MAIL))
    for site, _ in delivery.sites_waiting(clock.now()):
        for claimed in delivery.claim("w1", site, limit=10, lease_s=60, now=clock.now()):
            renderer.prepare([claimed])
            row = Address.get_by_id(claimed.address_id)
            to = HOME if row.site == "docomo" else WORK
            content = renderer.message(claimed, address.parse(to)).content
            mail = email.message_from_bytes(content, policy=email.policy.default)
            found.append((to, str(mail["Subject"]), mail.get_content().replace("\r\n", "\n")))
            assert mail["Auto-Submitted"].startswith("auto-")
            delivery.settle([result(claimed, Outcome(Kind.ACCEPTED, 250, "2.0.0"))])
    return found


def test_an_empty_mail_sets_where_notices_go_and_a_letter_says_so(ward: Ward, sensei: Actor) -> None:
    assert notice.place(sensei) is None
    empty_mail(ward, HOME, notice.ask(sensei, clock.now()))
    ((to, subject, text),) = mails(ward)
    assert (to, subject) == (HOME, "【みどり区】お知らせ先になりました / Notices come here from now on")
    assert "佐藤" not in text
    assert "sensei" not in text
    found = notice.place(sensei)
    assert found is not None
    assert found.arrived
    acts = [(row.act, row.zone, row.account_id) for row in Audit.select().order_by(Audit.id)]
    assert acts == [
        (Act.NOTICES_ASKED, Zone.ADMIN, sensei.account_id),
        (Act.NOTICES_SET, Zone.MAIL, sensei.account_id),
    ]


def test_the_same_mail_tried_again_does_it_once(ward: Ward, sensei: Actor) -> None:
    asked = notice.ask(sensei, clock.now())
    for _try in range(2):
        empty_mail(ward, HOME, asked, b"d" * 32)
    assert len(mails(ward)) == 1


def test_an_address_that_was_used_replaced_or_guessed_is_good_for_nothing(
    ward: Ward, sensei: Actor, morning: time_machine.Traveller
) -> None:
    first = notice.ask(sensei, clock.now())
    second = notice.ask(sensei, clock.now())
    with pytest.raises(TokenUnknown):
        empty_mail(ward, HOME, first)
    empty_mail(ward, HOME, second)
    for spent in (second, "oshirase-" + "a" * 26, "oshirase-" + "1" * 26):
        with pytest.raises(TokenUnknown):
            empty_mail(ward, WORK, spent)
    late = notice.ask(sensei, clock.now())
    morning.shift(notice.ASKED_FOR)
    with pytest.raises(TokenUnknown):
        empty_mail(ward, WORK, late)
    assert [to for to, *_ in mails(ward)] == [HOME]


def test_a_changed_password_is_told_with_its_minute(
    ward: Ward, sensei: Actor, morning: time_machine.Traveller
) -> None:
    told_at(ward, sensei)
    account.change_password(ward.config, sensei, PASSWORD, NEW, clock.now())
    assert (tell(ward), tell(ward)) == (1, 0)
    ((to, subject, text),) = mails(ward)
    assert (to, subject) == (HOME, "【みどり区】ログインについてのお知らせ / About your login")
    minute = f"{clock.now() + timedelta(hours=9):%H:%M}"
    assert re.search(rf"・\d+月\d+日\(.\) {minute}  パスワードが変わりました\n", text)
    assert re.search(rf"・\w+day \d+ \w+ {minute}  The password was changed\n", text)
    assert "http" not in text, "no link that somebody else's mail could have as well"


def test_a_browser_that_is_new_is_told_and_a_known_one_is_not(ward: Ward, sensei: Actor) -> None:
    told_at(ward, sensei)
    log_in(ward)
    assert tell(ward) == 0
    log_in(ward, browser=None)
    tell(ward)
    ((_, _, text),) = mails(ward)
    assert "はじめて使うブラウザーから、正しいパスワードが入力されました" in text


def test_guesses_are_told_once_an_hour_however_long_they_go_on(
    ward: Ward, sensei: Actor, morning: time_machine.Traveller
) -> None:
    told_at(ward, sensei)
    letters = 0
    for _minute in range(0, 180, 10):
        for _try in range(ward.config.account.failures_per_quarter_hour + 1):
            with pytest.raises(LoginRefused):
                log_in(ward, "chigau-chigau-chigau")
        letters += tell(ward)
        morning.shift(timedelta(minutes=10))
    assert letters == 3
    assert "まちがったパスワードが続いた" in mails(ward)[0][2]


def test_a_login_id_that_nobody_has_is_noted_like_one_and_told_to_nobody(ward: Ward, sensei: Actor) -> None:
    told_at(ward, sensei)
    for _try in range(ward.config.account.failures_per_quarter_hour + 1):
        with pytest.raises(LoginRefused):
            account.login(ward.config, Zone.ADMIN, "daremo", PASSWORD, network="192.0.2.7", now=clock.now())
    assert Notice.select().where(Notice.account.is_null()).exists()
    assert tell(ward) == 0
    assert not Notice.select().exists()


def test_all_that_has_gathered_is_one_letter(ward: Ward, sensei: Actor) -> None:
    told_at(ward, sensei)
    recovery.renew(sensei, clock.now())
    account.change_password(ward.config, sensei, PASSWORD, NEW, clock.now())
    log_in(ward, NEW, browser=None)
    assert tell(ward) == 1
    ((_, _, text),) = mails(ward)
    assert text.count("・") == 4, "two lines in two languages"


def test_without_an_address_nothing_is_told_and_nothing_kept(ward: Ward, sensei: Actor) -> None:
    account.change_password(ward.config, sensei, PASSWORD, NEW, clock.now())
    assert tell(ward) == 0
    assert not Notice.select().exists()


def test_another_address_is_told_to_the_old_one(ward: Ward, sensei: Actor) -> None:
    told_at(ward, sensei)
    empty_mail(ward, WORK, notice.ask(sensei, clock.now()))
    found = {to: subject for to, subject, _ in mails(ward)}
    assert "お知らせ先になりました" in found[WORK]
    assert "このアドレスに届かなくなります" in found[HOME]
    account.change_password(ward.config, sensei, PASSWORD, NEW, clock.now())
    tell(ward)
    assert [to for to, *_ in mails(ward)] == [WORK]


def test_the_end_is_told_where_notices_went_and_the_address_is_erased_within_days(
    ward: Ward, sensei: Actor, morning: time_machine.Traveller
) -> None:
    told_at(ward, sensei)
    morning.shift(KEEP_UNCONFIRMED + timedelta(days=1))
    registration.expire(clock.now())
    assert Address.select().count() == 1, "while notices go there it stays"
    notice.end(sensei, clock.now())
    notice.end(sensei, clock.now())
    ((to, subject, _),) = mails(ward)
    assert (to, "届かなくなります" in subject) == (HOME, True)
    assert notice.place(sensei) is None
    morning.shift(KEEP_UNCONFIRMED + timedelta(days=1))
    registration.expire(clock.now())
    assert Address.select().count() == 0


def test_a_mail_that_did_not_arrive_is_seen_on_the_page(ward: Ward, sensei: Actor) -> None:
    told_at(ward, sensei)
    Delivery.update(state=DeliveryState.BOUNCED).execute()
    found = notice.place(sensei)
    assert found is not None
    assert found.arrived is False


def test_a_password_that_is_due_is_told_once_a_term(
    ward: Ward, sensei: Actor, morning: time_machine.Traveller
) -> None:
    told_at(ward, sensei)
    set_at = clock.now() - timedelta(days=200)
    Account.update(password_changed_at=set_at).where(Account.id == sensei.account_id).execute()
    for _hour in range(3):
        notice.note_due(ward.config, clock.now())
        morning.shift(3600)
    assert tell(ward) == 1
    ((_, subject, text),) = mails(ward)
    due = Notice.get(Notice.what == "password.due").at
    last = due + timedelta(hours=9) - timedelta(seconds=1)
    assert f"パスワードを変えてください({last.month}月{last.day}日(" in subject
    assert f"by {last:%A} {last.day} {last:%B}" in text
    account.change_password(ward.config, sensei, PASSWORD, NEW, clock.now())
    tell(ward)
    mails(ward)
    notice.note_due(ward.config, clock.now())
    assert tell(ward) == 0


def test_a_password_whose_days_of_grace_are_over_is_not_asked_for_by_mail(
    ward: Ward, sensei: Actor, morning: time_machine.Traveller
) -> None:
    told_at(ward, sensei)
    past = clock.now() - timedelta(days=1)
    Notice.insert(account=sensei.account_id, what="password.due", at=past).execute()
    assert tell(ward) == 0


def test_whose_account_ends_is_told_so_once_and_the_next_one_of_that_name_starts_anew(
    ward: Ward, sensei: Actor
) -> None:
    told_at(ward, sensei)
    asked = notice.ask(sensei, clock.now())
    officer = ward.actor(Role.WARD_OFFICER)
    handover.end(officer, [Account.get_by_id(sensei.account_id)], ward.school.id, clock.now())
    assert not NoticeAddress.select().exists()
    with pytest.raises(TokenUnknown):
        empty_mail(ward, HOME, asked)
    ((to, subject, _),) = mails(ward)
    assert (to, "届かなくなります" in subject) == (HOME, True)
    Account.update(state=AccountState.ACTIVE).where(Account.id == sensei.account_id).execute()
    Notice.insert(account=sensei.account_id, what=Act.PASSWORD_CHANGED, at=clock.now()).execute()
    assert tell(ward) == 0


def test_who_is_suspended_learns_what_happened_to_the_login(ward: Ward, sensei: Actor) -> None:
    told_at(ward, sensei)
    officer, teacher = ward.actor(Role.WARD_OFFICER), Account.get_by_id(sensei.account_id)
    factor.reset(officer, teacher, factor.Loss.LOST, clock.now())
    handover.suspend(officer, teacher, clock.now())
    assert tell(ward) == 1


def test_two_workers_get_the_same_mail_at_the_same_moment(ward: Ward, sensei: Actor) -> None:
    asked = notice.ask(sensei, clock.now())
    ends = together(*[lambda: empty_mail(ward, HOME, asked, b"d" * 32)] * 4)
    assert ends == [None] * 4, "nobody hears that there is no such recipient"
    assert len(mails(ward)) == 1


def test_two_presses_of_the_button_make_one_address_that_is_good(ward: Ward, sensei: Actor) -> None:
    asked = [str(each) for each in together(*[lambda: notice.ask(sensei, clock.now())] * 4)]
    assert sum(notice.is_asked(sensei, each, clock.now()) for each in asked) == 1


def test_a_notice_names_no_address_for_answers(ward: Ward, sensei: Actor) -> None:
    """Who answers all the same learns from the own server that nobody reads it."""
    empty_mail(ward, HOME, notice.ask(sensei, clock.now()))
    (claimed,) = take("w1", "docomo")
    renderer = Renderer(ward.config, ward.keyring(Zone.MAIL))
    renderer.prepare([claimed])
    assert b"\r\nReply-To:" not in renderer.message(claimed, address.parse(HOME)).content
