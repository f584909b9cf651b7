"""An outage outlasts a broadcast: nothing goes by itself, a person decides; on both databases."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from appliance import broadcast, clock, delivery
from appliance.actor import Role
from appliance.errors import AudienceChanged, NotAllowed, WrongState
from appliance.models import Audit, Broadcast, Delivery, Registration
from tests.flows.ward import Ward, states, take, together

MORNING = "2026-06-01T21:00:00Z"


@pytest.fixture
def clockwork() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MORNING, tick=False) as moving:
        yield moving


@pytest.fixture
def written(ward: Ward, clockwork: time_machine.Traveller) -> Broadcast:
    """「11時に下校」 to four guardians; the carriers came back a day later."""
    sent = ward.broadcast_to(4, sites=("docomo",))
    clockwork.shift(timedelta(days=1))
    assert delivery.expire(clock.now()) == 4
    assert delivery.finish_broadcasts(clock.now()) == 1
    return Broadcast.get_by_id(sent.id)


def _late(ward: Ward, written: Broadcast, shown: int = 4) -> int:
    found = Broadcast.get_by_id(written.id)
    return broadcast.send_late(ward.config, ward.actor(), found, shown_addresses=shown, now=clock.now())


def test_it_waits_for_a_person(written: Broadcast) -> None:
    assert states(written) == {"expired": 4}
    assert take("w1", "docomo") == []
    assert broadcast.left_over(written, clock.now()) == 4


def test_what_is_sent_on_goes_once_and_is_useful_anew(ward: Ward, written: Broadcast) -> None:
    assert _late(ward, written) == 4
    claims = take("w1", "docomo")
    assert len(claims) == 4
    hours = ward.config.broadcast.urgent_useful_h
    assert {claimed.expires_at - clock.now() for claimed in claims} == {timedelta(hours=hours)}
    assert Audit.select().order_by(Audit.id.desc()).get().act == "broadcast.sent_late"


def test_only_what_ran_out_of_time_is_sent_on(ward: Ward, written: Broadcast) -> None:
    one = Delivery.select().where(Delivery.broadcast == written.id).first()
    Delivery.update(state="accepted").where(Delivery.id == one.id).execute()
    assert broadcast.left_over(written, clock.now()) == 3
    assert _late(ward, written, shown=3) == 3
    assert one.id not in {claimed.id for claimed in take("w1", "docomo")}


def test_two_presses_at_the_same_moment_send_on_once(ward: Ward, written: Broadcast) -> None:
    ends = together(*[lambda: _late(ward, written)] * 2)
    assert sorted(type(end).__name__ for end in ends) == ["WrongState", "int"], ends
    assert states(written) == {"queued": 4}


def test_who_has_left_meanwhile_gets_nothing_and_the_number_is_asked_again(
    ward: Ward, written: Broadcast
) -> None:
    leaving = Registration.select().first()
    Registration.update(state="withdrawn", child=None).where(Registration.id == leaving.id).execute()
    with pytest.raises(AudienceChanged):
        _late(ward, written)
    assert states(written) == {"expired": 4}
    assert _late(ward, written, shown=3) == 3


def test_after_a_week_a_new_mail_says_it_better(
    ward: Ward, written: Broadcast, clockwork: time_machine.Traveller
) -> None:
    clockwork.shift(timedelta(days=7))
    assert broadcast.left_over(written, clock.now()) == 0
    with pytest.raises(WrongState):
        _late(ward, written)


def test_the_ward_office_does_not_send_on(ward: Ward, written: Broadcast) -> None:
    with pytest.raises(NotAllowed):
        broadcast.send_late(
            ward.config, ward.actor(Role.WARD_OFFICER), written, shown_addresses=4, now=clock.now()
        )


def test_a_finished_broadcast_is_not_sent_anew(ward: Ward, written: Broadcast) -> None:
    with pytest.raises(WrongState):
        ward.send(Broadcast.get_by_id(written.id))
