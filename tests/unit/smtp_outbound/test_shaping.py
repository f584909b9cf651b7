"""No site is asked for more than its limits, whatever it says, whoever works and whenever."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.address import Carrier
from appliance.config import SiteLimits
from appliance.limits import STARTING_LIMITS, limits_for, reserved
from smtp.shaping import Share, Window, share_of

limits = st.builds(
    SiteLimits,
    connections=st.integers(1, 50),
    messages_per_connection=st.integers(1, 100),
    per_s=st.one_of(st.none(), st.floats(0.5, 100)),
)
endings = st.lists(st.tuples(st.floats(0, 60), st.booleans(), st.booleans(), st.integers(0, 5)), max_size=40)
names = st.lists(st.text("abcdef-/0123456789", min_size=1, max_size=12), min_size=1, max_size=9, unique=True)
GOOD, LESS, RESET = (
    {"throttled": False, "reset": False, "accepted": 10},
    {"throttled": True, "reset": False},
    {"throttled": True, "reset": True},
)


# --- one window


@given(limits, endings)
def test_the_window_stays_within_its_limits(
    site: SiteLimits, said: list[tuple[float, bool, bool, int]]
) -> None:
    window, now_s = Window(site), 1000.0
    for pause_s, throttled, reset, accepted in said:
        now_s += pause_s
        before = window.connections(now_s)
        window.ended(now_s, throttled=throttled, reset=reset, accepted=accepted)
        after = window.connections(now_s)
        assert 0 <= after <= site.connections
        assert not throttled or after == 0, "a throttled site is left alone for a while"
        assert after <= before + 1, "it comes back slowly"
        assert window.ordinary(now_s) <= max(1, site.connections - reserved(site.connections))


@given(limits, endings)
def test_a_site_is_never_given_up(site: SiteLimits, said: list[tuple[float, bool, bool, int]]) -> None:
    window, now_s = Window(site), 1000.0
    for pause_s, throttled, reset, accepted in said:
        now_s += pause_s
        window.ended(now_s, throttled=throttled, reset=reset, accepted=accepted)
    assert window.connections(now_s + 901) >= 1
    assert window.ordinary(now_s + 901) >= 1


@given(
    st.floats(0.5, 100),
    st.integers(1, 4),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
    st.sampled_from([("per_s", Window.permit), ("connections_per_s", Window.may_connect)]),
)
def test_the_rates_hold_over_any_stretch(
    per_s: float, held: int, pauses: list[float], which: tuple[str, Callable[[Window, float], bool]]
) -> None:
    setting, ask = which
    window = Window(SiteLimits(connections=4, **{setting: per_s}), Share(held, 0, 4))
    now_s, sent_at = 1000.0, []
    for pause_s in pauses:
        now_s += pause_s
        while ask(window, now_s):
            sent_at.append(now_s)
    rate = per_s * held / 4
    burst = max(1.0, rate)
    for first in range(0, len(sent_at), 7):
        stretch_s = sent_at[-1] - sent_at[first]
        assert len(sent_at) - first <= burst + rate * stretch_s + 1e-6


def test_several_connections_that_hear_the_same_halve_once() -> None:
    window = Window(SiteLimits(connections=16))
    for _ in range(4):
        window.ended(1000.0, **LESS)
    assert window.connections(1000.0) == 0
    assert window.connections(1020.0) == 8
    window.ended(1020.0, **LESS)
    assert window.connections(1040.0) == 4


def test_what_went_well_brings_connections_back_up_to_the_limit() -> None:
    window = Window(SiteLimits(connections=8))
    window.ended(1000.0, **LESS)
    assert window.connections(1020.0) == 4
    for _ in range(4):
        window.ended(1020.0, **GOOD)
    assert window.connections(1020.0) == 5
    for _ in range(100):
        window.ended(1020.0, **GOOD)
    assert window.connections(1020.0) == 8


def test_a_connection_that_never_came_about_is_no_success() -> None:
    window = Window(SiteLimits(connections=8))
    window.ended(1000.0, **LESS)
    for _ in range(100):
        window.ended(1020.0, throttled=False, reset=False)
    assert window.connections(1020.0) == 4


def test_resets_in_a_row_suspend_the_site() -> None:
    """au blocks by TCP reset: knocking on prolongs it."""
    window = Window(STARTING_LIMITS[Carrier.AU])
    for _ in range(3):
        window.ended(1000.0, **RESET)
    assert window.connections(1060.0) == 0
    assert window.connections(1121.0) == 1, "one connection tries"


def test_one_good_connection_forgets_resets() -> None:
    window = Window(STARTING_LIMITS[Carrier.AU])
    for end in (RESET, RESET, GOOD, RESET, RESET):
        window.ended(1000.0, **end)
    assert window.connections(1016.0) > 0


def test_a_site_that_turns_everything_away_is_suspended_and_each_time_for_longer() -> None:
    window, now_s = Window(SiteLimits(connections=4)), 1000.0
    for _ in range(3):
        window.ended(now_s, **LESS)
        now_s += 16
    closed_s = []
    for _ in range(5):
        began_s = now_s
        while not window.connections(now_s):
            now_s += 1
        closed_s.append(now_s - began_s)
        assert window.connections(now_s) == 1
        window.ended(now_s, **LESS)
    assert closed_s[1:] == [240, 480, 900, 900]


def test_a_probe_that_goes_well_opens_the_site_again_step_by_step() -> None:
    window = Window(SiteLimits(connections=4))
    for _ in range(3):
        window.ended(1000.0, **RESET)
    window.ended(1121.0, **GOOD)
    seen = []
    for _ in range(14):
        window.ended(1121.0, **GOOD)
        seen.append(window.connections(1121.0))
    assert seen[0] == 1
    assert seen[-1] == 4
    assert seen == sorted(seen)


def test_a_wish_for_less_after_a_good_deal_was_taken_is_not_a_block() -> None:
    """421 after so many messages is how some sites end every connection."""
    window, now_s = Window(SiteLimits(connections=8)), 1000.0
    for _ in range(6):
        window.ended(now_s, throttled=True, reset=False, accepted=20)
        now_s += 16
        assert window.connections(now_s) >= 1


def test_a_421_at_a_crowded_door_closes_the_window_to_those_who_are_inside() -> None:
    window = Window(SiteLimits(connections=8))
    for others in (7, 6, 5, 4, 3, 2):
        window.crowded(1000.0, others)
    assert window.connections(1000.0) == 2, "and no pause: the two go on"
    window.ended(1059.0, **GOOD)
    assert window.connections(1059.0) == 2
    for _ in range(4):
        window.ended(1061.0, **GOOD)
    assert window.connections(1061.0) == 3, "after a minute it asks for more again"


# --- many workers


@given(limits, names)
def test_the_shares_of_the_living_are_the_limit_and_never_more(site: SiteLimits, workers: list[str]) -> None:
    shares = [share_of(site, "mx.example", worker, workers) for worker in workers]
    assert sum(share.connections for share in shares) == site.connections
    assert sum(share.reserved for share in shares) == reserved(site.connections)
    assert max(share.connections for share in shares) - min(share.connections for share in shares) <= 1
    windows = [Window(site, share) for share in shares]
    assert sum(window.connections(0.0) for window in windows) == site.connections
    ordinary = sum(window.ordinary(0.0) for window in windows)
    assert 1 <= ordinary <= max(1, site.connections - reserved(site.connections))


@given(limits, names)
def test_the_living_agree_whatever_the_order_in_which_they_read_the_names(
    site: SiteLimits, workers: list[str]
) -> None:
    for worker in workers:
        assert share_of(site, "s", worker, workers) == share_of(site, "s", worker, sorted(workers))


@given(names)
def test_a_dead_workers_share_is_taken_over(workers: list[str]) -> None:
    site, (dead, *living) = SiteLimits(connections=1), workers
    assert share_of(site, "s", dead, living) == Share(0, 0, 1)
    if living:
        assert sum(share_of(site, "s", worker, living).connections for worker in living) == 1


def test_small_sites_are_spread_over_the_workers() -> None:
    """Three workers, sixty sites of one connection: nobody does it all."""
    workers, site = ["a/1", "a/2", "b/1"], SiteLimits(connections=1)
    served = [
        sum(share_of(site, f"mx{n}.example", worker, workers).connections for n in range(60))
        for worker in workers
    ]
    assert sum(served) == 60
    assert min(served) >= 10


def test_a_worker_that_held_half_takes_all_when_it_is_left_alone() -> None:
    site = SiteLimits(connections=4)
    window = Window(site, share_of(site, "s", "a", ["a", "b"]))
    assert window.connections(1000.0) == 2
    window.resize(share_of(site, "s", "a", ["a"]))
    assert window.connections(1000.0) == 4
    window.ended(1000.0, **LESS)
    window.resize(share_of(site, "s", "a", ["a", "b"]))
    window.resize(share_of(site, "s", "a", ["a"]))
    assert window.connections(1020.0) < 4, "what a site has asked for is not forgotten with the share"


# --- a site with a mind of its own, in simulated time


class Strict:
    """Bears so many connections; above that it says 421 at the banner."""

    def __init__(self, connections: int, latency_s: float) -> None:
        self.bears, self.latency_s = connections, latency_s
        self.turned_away = 0

    def second(self, windows: list[Window], now_s: float, waiting: int) -> int:
        """What the workers bring in one second of the site's life."""
        wanting = [window for window in windows for _ in range(window.connections(now_s))]
        for window in wanting[self.bears :]:
            self.turned_away += 1
            window.ended(now_s, **LESS)
        brought = 0
        for window in wanting[: self.bears]:
            carried = min(int(1 / self.latency_s), waiting - brought)
            brought += carried
            window.ended(now_s, throttled=False, reset=False, accepted=carried)
        return brought


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_site_that_bears_less_than_the_table_says_is_served_all_the_same(workers: int) -> None:
    site = SiteLimits(connections=8)
    members = [f"w{n}" for n in range(workers)]
    windows = [Window(site, share_of(site, "s", member, members)) for member in members]
    strict, waiting = Strict(connections=4, latency_s=0.1), 6000
    for second in range(1200):
        waiting -= strict.second(windows, 1000.0 + second, waiting)
        if not waiting:
            break
    assert waiting == 0, f"{waiting} left"
    assert strict.turned_away <= second / 4, "it was asked for less and less often"


# --- the table


def test_the_table_has_every_carrier_and_the_configuration_wins() -> None:
    assert STARTING_LIMITS.keys() == set(Carrier)
    yahoo = limits_for(Carrier.YAHOO_JP, {}, "mx.yahoo.co.jp")
    assert (yahoo.connections, yahoo.messages_per_connection, yahoo.per_s) == (2, 20, 10)
    ours = SiteLimits(connections=1)
    theirs = SiteLimits(connections=3)
    assert limits_for(Carrier.AU, {"au": ours}, "mx.au.com") is ours
    assert limits_for(Carrier.AU, {"au": ours, "mx.au.com": theirs}, "mx.au.com") is theirs
