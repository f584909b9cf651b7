"""What may follow what: the table, held against the words of the design."""

from enum import StrEnum

import pytest

from appliance.errors import WrongState
from appliance.states import (
    DELIVERY_OPEN,
    TRANSITIONS,
    AccountState,
    BroadcastState,
    DeliveryState,
    RegistrationState,
    ReportState,
    check,
    diagram,
    sources,
)

KINDS = (RegistrationState, BroadcastState, DeliveryState, AccountState, ReportState)
PAIRS = [(before, after) for kind in KINDS for before in kind for after in kind]


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda state: f"{type(state).__name__}.{state}")
def test_a_transition_is_allowed_exactly_when_the_table_has_it(before: StrEnum, after: StrEnum) -> None:
    if after in TRANSITIONS[type(before)][before]:
        check(before, after)
        assert before in sources(after)
    else:
        assert before not in sources(after)
        with pytest.raises(WrongState):
            check(before, after)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_in_the_table_and_leads_only_to_its_own_kind(kind: type[StrEnum]) -> None:
    assert {str(state) for state in TRANSITIONS[kind]} == set(kind)
    for before, targets in TRANSITIONS[kind].items():
        assert {type(state) for state in (before, *targets)} == {kind}


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (RegistrationState, RegistrationState.REQUESTED),
        (BroadcastState, BroadcastState.DRAFT),
        (DeliveryState, DeliveryState.QUEUED),
        (AccountState, AccountState.INVITED),
        (ReportState, ReportState.REPORTED),
    ],
)
def test_every_state_is_reached_from_the_first(kind: type[StrEnum], first: StrEnum) -> None:
    reached, waiting = {first}, [first]
    while waiting:
        fresh = TRANSITIONS[kind][waiting.pop()] - reached
        reached |= fresh
        waiting += fresh
    assert reached == set(kind)


def test_what_has_ended_stays_ended() -> None:
    """No recall, and nobody is sent a mail again because a late word came in."""
    deliveries, broadcasts = TRANSITIONS[DeliveryState], TRANSITIONS[BroadcastState]
    for state in (
        DeliveryState.FAILED,
        DeliveryState.BOUNCED,
        DeliveryState.SUPPRESSED,
    ):
        assert not deliveries[state]
    assert deliveries[DeliveryState.EXPIRED] == {DeliveryState.QUEUED}  # by a person's act alone
    assert deliveries[DeliveryState.ACCEPTED] == {DeliveryState.BOUNCED}
    assert broadcasts[BroadcastState.FINISHED] == {BroadcastState.SENDING}  # to send late what expired
    assert not broadcasts[BroadcastState.STOPPED]
    assert not TRANSITIONS[RegistrationState][RegistrationState.WITHDRAWN]


def test_a_word_that_two_nouns_share_keeps_its_two_meanings() -> None:
    """A broadcast that is `sending` can be stopped; a delivery that is `sending` can be accepted."""
    check(BroadcastState.SENDING, BroadcastState.STOPPED)
    check(DeliveryState.SENDING, DeliveryState.ACCEPTED)
    with pytest.raises(WrongState):
        check(BroadcastState.SENDING, DeliveryState.ACCEPTED)


def test_an_open_delivery_is_one_that_can_still_go_out() -> None:
    """SENDING is reachable from every open state, and from no other."""
    assert set(DELIVERY_OPEN) == {DeliveryState.SENDING, *sources(DeliveryState.SENDING)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_diagram_shows_every_arrow_once(kind: type[StrEnum]) -> None:
    lines = diagram(kind).splitlines()
    assert lines[0] == "stateDiagram-v2"
    arrows = [f"    {before} --> {after}" for before in kind for after in TRANSITIONS[kind][before]]
    ends = [f"    {state} --> [*]" for state in kind if not TRANSITIONS[kind][state]]
    assert sorted(lines[1:]) == sorted(arrows + ends)
