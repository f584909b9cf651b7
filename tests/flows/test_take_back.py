"""The principal presses "send", sees that it was the wrong class, and takes it back before anything left."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from appliance import broadcast, clock
from appliance.models import Broadcast
from tests.flows.ward import Ward, states, take

SECONDS = 10


@pytest.fixture
def patient(ward: Ward) -> Ward:
    """The same ward, with ten seconds to think again, and two guardians at docomo."""
    ward.many(2, sites=("docomo",))
    settings = ward.config.broadcast.model_copy(update={"take_back_s": SECONDS})
    return replace(ward, config=ward.config.model_copy(update={"broadcast": settings}))


def test_nothing_leaves_before_the_seconds_are_over(patient: Ward) -> None:
    with time_machine.travel("2026-06-01T21:00:00Z", tick=False) as morning:
        written = patient.draft()
        patient.send(written)
        morning.shift(timedelta(seconds=SECONDS) - timedelta(milliseconds=1))
        assert take("w1", "docomo") == []
        morning.shift(timedelta(milliseconds=1))
        assert len(take("w1", "docomo")) == 2


def test_taken_back_it_never_leaves(patient: Ward) -> None:
    with time_machine.travel("2026-06-01T21:00:00Z", tick=False) as morning:
        written = patient.draft()
        patient.send(written)
        morning.shift(timedelta(seconds=SECONDS - 1))
        assert broadcast.stop(patient.actor(), written, clock.now()) == 2
        morning.shift(timedelta(seconds=60))
        assert take("w1", "docomo") == []
        assert states(written) == {"suppressed": 2}


def test_it_is_useful_for_as_long_as_without_the_seconds(patient: Ward) -> None:
    with time_machine.travel("2026-06-01T21:00:00Z", tick=False):
        written = patient.draft()
        patient.send(written)
        found = Broadcast.get_by_id(written.id)
        assert found.started_at - clock.now() == timedelta(seconds=SECONDS)
        hours = patient.config.broadcast.urgent_useful_h
        assert found.useful_until - found.started_at == timedelta(hours=hours)
