"""While a broadcast can still be taken back it is signed; what was signed is of no use elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
import time_machine

from appliance import address, broadcast, clock, delivery
from appliance.actor import Role
from appliance.broadcast import delivery_test
from appliance.config import Zone
from appliance.delivery import Claimed
from appliance.errors import KeyRefused
from appliance.keys import Purpose, Slot, signing
from appliance.models import Broadcast, Prepared, School
from smtp.ahead import Ahead
from smtp.render import Renderer
from tests.flows.ward import Ward, take
from tests.support import dkim_judges

SECONDS = 10
ALONE = (0, 1)
_TIME = re.compile(rb"t=(\d+);")


@pytest.fixture
def morning() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-06-01T21:00:00Z", tick=False) as morning:
        yield morning


@pytest.fixture
def patient(ward: Ward, morning: time_machine.Traveller) -> Ward:
    """Three families, whose letters have gone; ten seconds to think again."""
    for name in ("taro", "jiro", "saburo"):
        ward.register(f"{name}@docomo.ne.jp", f"山田 {name}", "山田 太郎")
    delivery.settle([])
    assert take("letters", "docomo", lease_s=10_000)
    settings = ward.config.broadcast.model_copy(update={"take_back_s": SECONDS})
    return replace(ward, config=ward.config.model_copy(update={"broadcast": settings}))


class Worker:
    """What of a mail worker is needed here."""

    def __init__(self, ward: Ward) -> None:
        self._keyring = ward.keyring(Zone.MAIL)
        self.renderer = Renderer(ward.config, self._keyring)
        self.ahead = Ahead(self.renderer, self.opened)

    def opened(self, claimed: Claimed) -> address.Address:
        slot = Slot(Purpose.ADDRESSES, "address", "sealed", claimed.school_id, claimed.address_id)
        return address.read(self._keyring.open(slot, claimed.sealed))

    def sign_all(self, share: tuple[int, int] = ALONE) -> None:
        while self.ahead.step(share):
            pass

    def mails(self) -> list[bytes]:
        claims = take("w1", "docomo")
        self.renderer.prepare(claims)
        return [self.renderer.message(claimed, self.opened(claimed)).content for claimed in claims]


def _sent(ward: Ward) -> Broadcast:
    written = ward.draft()
    ward.send(written)
    return written


def _verified(ward: Ward, content: bytes) -> bool:
    keys = signing.active(ward.keyring(Zone.MAIL).signing_keys())
    published = dkim_judges.records(ward.config.mail.from_domain, keys)
    return dkim_judges.dkimpy(content, published) == len(published)


def test_what_is_sent_was_signed_before_and_stands_before_a_foreign_judge(
    patient: Ward, morning: time_machine.Traveller
) -> None:
    _sent(patient)
    worker = Worker(patient)
    signed_at = b"%d" % clock.now().timestamp()
    worker.sign_all()
    assert Prepared.select().count() == 3
    morning.shift(timedelta(seconds=SECONDS))
    mails = worker.mails()
    assert len(mails) == 3
    for mail in mails:
        assert set(_TIME.findall(mail)) == {signed_at}
        assert _verified(patient, mail)


def test_without_those_seconds_it_is_signed_as_it_is_sent(
    patient: Ward, morning: time_machine.Traveller
) -> None:
    _sent(patient)
    morning.shift(timedelta(seconds=SECONDS))
    worker = Worker(patient)
    worker.sign_all()
    assert Prepared.select().count() == 0
    mails = worker.mails()
    assert len(mails) == 3
    assert all(_verified(patient, mail) for mail in mails)


def test_two_workers_sign_each_mail_once(patient: Ward) -> None:
    _sent(patient)
    for number in (0, 1):
        Worker(patient).sign_all((number, 2))
    assert Prepared.select().count() == 3
    assert not Worker(patient).ahead.step(ALONE) or Prepared.select().count() == 3


def test_what_was_taken_back_is_thrown_away(patient: Ward) -> None:
    written = _sent(patient)
    Worker(patient).sign_all()
    assert delivery.forget() == 0
    broadcast.stop(patient.actor(), written, clock.now())
    assert delivery.forget() == 3
    assert Prepared.select().count() == 0


def test_a_signature_opens_in_the_mail_zone_and_for_its_mail_only(
    patient: Ward, morning: time_machine.Traveller
) -> None:
    _sent(patient)
    worker = Worker(patient)
    worker.sign_all()
    one, other = Prepared.select(Prepared).limit(2)
    slot = Slot(Purpose.ADDRESSES, "prepared", "signed", patient.school.id, one.delivery_id)
    for zone in (Zone.GUARDIAN, Zone.SENDER):
        with pytest.raises(KeyRefused):
            patient.keyring(zone).open(slot, bytes(one.signed))
    Prepared.update(signed=other.signed).where(Prepared.delivery == one.delivery_id).execute()
    morning.shift(timedelta(seconds=SECONDS))
    assert all(_verified(patient, mail) for mail in worker.mails())


def test_a_delivery_test_whose_mails_all_differ_is_signed_ahead_like_others(
    patient: Ward, morning: time_machine.Traveller
) -> None:
    actor = patient.actor()
    written = delivery_test.begin(actor, patient.school, once_key="test", now=clock.now())
    broadcast.send(patient.config, actor, written, shown_addresses=3, now=clock.now())
    morning.shift(timedelta(seconds=-1))
    worker = Worker(patient)
    worker.sign_all()
    assert Prepared.select().count() == 3
    morning.shift(timedelta(hours=1))
    mails = worker.mails()
    assert len({mail.rpartition(b"\r\n\r\n")[2] for mail in mails}) == 3
    assert all(_verified(patient, mail) for mail in mails)


def test_what_waits_for_the_principal_has_no_signature_and_is_dated_when_it_is_sent(
    patient: Ward, morning: time_machine.Traveller
) -> None:
    """No signed mail exists of a text that nobody has approved."""
    School.update(approval_required=True).execute()
    written = patient.draft()
    broadcast.submit(patient.actor(Role.STAFF), written, clock.now())
    worker = Worker(patient)
    worker.sign_all()
    assert Prepared.select().count() == 0
    morning.shift(timedelta(hours=2))
    broadcast.approve(patient.actor(), written, clock.now())
    worker.sign_all()
    assert Prepared.select().count() == 0
    patient.register("shiro@docomo.ne.jp", "山田 shiro", "山田 太郎")  # meanwhile
    assert take("letters", "docomo", lease_s=10_000)
    assert patient.send(written) == 4
    sent_at = clock.now() + timedelta(seconds=SECONDS)
    worker.sign_all()
    assert Prepared.select().count() == 4
    morning.shift(timedelta(seconds=SECONDS))
    for mail in worker.mails():
        assert f"Date: {format_datetime(sent_at)}".encode() in mail
        assert _verified(patient, mail)
