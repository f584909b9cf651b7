"""No site is asked for more than its limits, whatever it says and whenever."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.address import Carrier
from appliance.config import SiteLimits
from smtp.shaping import STARTING_LIMITS, Window, limits_for

limits = st.builds(
    SiteLimits,
    connections=st.integers(1, 50),
    messages_per_connection=st.integers(1, 100),
    per_s=st.one_of(st.none(), st.floats(0.5, 100)),
)
endings = st.lists(st.tuples(st.floats(0, 60), st.booleans(), st.booleans()), max_size=40)


@given(limits, st.integers(1, 8), endings)
def test_the_window_stays_within_its_limits(
    site: SiteLimits, workers: int, said: list[tuple[float, bool, bool]]
) -> None:
    window, now_s = Window(site, workers=workers), 1000.0
    for pause_s, throttled, reset in said:
        now_s += pause_s
        before = window.connections(now_s)
        window.ended(now_s, throttled=throttled, reset=reset)
        after = window.connections(now_s)
        assert 0 <= after <= max(1, site.connections // workers)
        assert not throttled or after == 0, "a throttled site is left alone for a while"
        assert after <= before + 1, "it comes back slowly"


@given(limits, endings)
def test_a_site_is_never_given_up(site: SiteLimits, said: list[tuple[float, bool, bool]]) -> None:
    window, now_s = Window(site), 1000.0
    for pause_s, throttled, reset in said:
        now_s += pause_s
        window.ended(now_s, throttled=throttled, reset=reset)
    assert window.connections(now_s + 200) >= 1


@given(
    st.floats(0.5, 100),
    st.integers(1, 4),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_the_rate_holds_over_any_stretch(per_s: float, workers: int, pauses: list[float]) -> None:
    window, now_s, sent_at = Window(SiteLimits(per_s=per_s), workers=workers), 1000.0, []
    for pause_s in pauses:
        now_s += pause_s
        while window.permit(now_s):
            sent_at.append(now_s)
    rate = per_s / workers
    burst = max(1.0, rate)
    for first in range(0, len(sent_at), 7):
        stretch_s = sent_at[-1] - sent_at[first]
        assert len(sent_at) - first <= burst + rate * stretch_s + 1e-6


def test_several_connections_that_hear_the_same_halve_once() -> None:
    window = Window(SiteLimits(connections=16))
    for _ in range(4):
        window.ended(1000.0, throttled=True, reset=False)
    assert window.connections(1000.0) == 0
    assert window.connections(1020.0) == 8
    window.ended(1020.0, throttled=True, reset=False)
    assert window.connections(1040.0) == 4


def test_what_went_well_brings_connections_back_up_to_the_limit() -> None:
    window = Window(SiteLimits(connections=8))
    window.ended(1000.0, throttled=True, reset=False)
    assert window.connections(1020.0) == 4
    for _ in range(4):
        window.ended(1020.0, throttled=False, reset=False)
    assert window.connections(1020.0) == 5
    for _ in range(100):
        window.ended(1020.0, throttled=False, reset=False)
    assert window.connections(1020.0) == 8


def test_resets_in_a_row_suspend_the_site() -> None:
    """au blocks by TCP reset: knocking on prolongs it."""
    window = Window(STARTING_LIMITS[Carrier.AU])
    for _ in range(3):
        assert window.connections(1000.0) > 0
        window.ended(1000.0, throttled=False, reset=True)
    assert window.connections(1060.0) == 0
    assert window.connections(1121.0) > 0


def test_one_good_connection_forgets_resets() -> None:
    window = Window(STARTING_LIMITS[Carrier.AU])
    for reset in (True, True, False, True, True):
        window.ended(1000.0, throttled=False, reset=reset)
    assert window.connections(1000.0) > 0


def test_the_table_is_that_of_the_field_and_the_configuration_wins() -> None:
    assert STARTING_LIMITS.keys() == set(Carrier)
    yahoo = limits_for(Carrier.YAHOO_JP, {}, "mx.yahoo.co.jp")
    assert (yahoo.connections, yahoo.messages_per_connection, yahoo.per_s) == (2, 20, 10)
    ours = SiteLimits(connections=1)
    theirs = SiteLimits(connections=3)
    assert limits_for(Carrier.AU, {"au": ours}, "mx.au.com") is ours
    assert limits_for(Carrier.AU, {"au": ours, "mx.au.com": theirs}, "mx.au.com") is theirs
