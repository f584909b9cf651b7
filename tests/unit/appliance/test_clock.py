"""Times: aware, exact to the microsecond, alike on both databases; a naive one never gets in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from appliance import clock
from appliance.models.fields import MomentField, micros, moment, row_id

TOKYO = timezone(timedelta(hours=9))
EARLY, LATE = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001  (Hypothesis wants them naive)

# Hypothesis wants naive bounds and adds the zone itself.
_1900 = datetime(1900, 1, 1)  # noqa: DTZ001
_2200 = datetime(2200, 1, 1)  # noqa: DTZ001


def test_now_is_aware_and_can_be_frozen() -> None:
    six_in_the_morning = datetime(2026, 4, 8, 6, 0, tzinfo=TOKYO)
    with time_machine.travel(six_in_the_morning, tick=False):
        assert clock.now() == six_in_the_morning
        assert clock.now().tzinfo is UTC


def test_the_waiting_clock_never_goes_back() -> None:
    with time_machine.travel(datetime(1999, 1, 1, tzinfo=UTC)):
        first = clock.monotonic()
        assert clock.monotonic() >= first


@given(st.datetimes(_1900 + timedelta(days=1), _2200, timezones=st.just(TOKYO)))
def test_a_moment_comes_back_exactly(value: datetime) -> None:
    field = MomentField()
    assert field.python_value(field.db_value(value)) == value
    assert moment(micros(value)) == value


@given(
    st.datetimes(_1900, timezones=st.just(UTC)),
    st.datetimes(_1900, timezones=st.just(TOKYO)),
)
def test_kept_moments_sort_as_moments_do(one: datetime, other: datetime) -> None:
    assert (micros(one) < micros(other)) == (one < other)


def test_a_naive_time_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="naive"):
        MomentField().db_value(datetime(2026, 4, 8, 6, 0))  # noqa: DTZ001


def test_no_moment_is_no_moment() -> None:
    assert MomentField().db_value(None) is None
    assert MomentField().python_value(None) is None


def test_row_ids_fit_a_bigint_and_are_never_zero() -> None:
    assert all(0 < row_id() < 2**63 for _ in range(1000))
