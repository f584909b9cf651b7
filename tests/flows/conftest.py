"""A ward of two schools on both databases, and a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine

from appliance.config import Config
from tests.flows.ward import Ward, found

JAPAN = timezone(timedelta(hours=9))
MORNING = datetime(2026, 4, 8, 6, 0, tzinfo=JAPAN).astimezone(UTC)


@pytest.fixture
def morning() -> Iterator[time_machine.Traveller]:
    """Six o'clock in Japan, standing still until the test calls `shift`."""
    with time_machine.travel(MORNING, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ward(database: Config) -> Ward:
    """みどり小学校 with three classes and わかば幼稚園 with one; nobody registered yet."""
    return found(database)
