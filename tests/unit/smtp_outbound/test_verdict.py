"""What a reply means for a guardian's address: permanent or not is decided in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.address import Carrier
from appliance.delivery.outcome import Kind, Reason
from smtp import verdict
from smtp.reply import Reply
from smtp.verdict import Loss, Stage

ABOUT_US = (Stage.BANNER, Stage.HELLO, Stage.MAIL)
ABOUT_THEM = (Stage.RCPT, Stage.DATA, Stage.DOT)
subjects = st.one_of(st.just(""), st.builds("{}.{}".format, st.integers(0, 9), st.integers(0, 999)))


def reply(code: int, subject: str = "") -> Reply:
    return Reply(code, f"{code // 100}.{subject}" if subject else "")


@given(st.sampled_from(Stage), st.integers(400, 499), subjects, st.sampled_from(Carrier))
def test_4xx_is_never_the_end(stage: Stage, code: int, subject: str, carrier: Carrier) -> None:
    assert verdict.of_reply(stage, reply(code, subject), carrier).kind is Kind.DEFERRED


@given(st.sampled_from(ABOUT_US), st.integers(400, 599), subjects, st.sampled_from(Carrier))
def test_a_refusal_of_us_is_never_the_end(stage: Stage, code: int, subject: str, carrier: Carrier) -> None:
    outcome = verdict.of_reply(stage, reply(code, subject), carrier)
    assert outcome.kind is Kind.DEFERRED
    assert outcome.reason not in (Reason.UNKNOWN_USER, Reason.UNKNOWN_OR_FILTERED, Reason.MAILBOX_FULL)


@given(st.sampled_from(Stage), st.integers(400, 599), subjects, st.sampled_from(Carrier))
def test_a_reply_that_came_is_never_uncertain(
    stage: Stage, code: int, subject: str, carrier: Carrier
) -> None:
    outcome = verdict.of_reply(stage, reply(code, subject), carrier)
    assert not outcome.uncertain
    assert outcome.reason is not Reason.NONE
    assert outcome.throttled == (code == 421 or outcome.reason is Reason.TOO_FAST)


@pytest.mark.parametrize(
    ("code", "subject", "kind", "reason"),
    [
        (550, "", Kind.FAILED, Reason.UNKNOWN_USER),
        (550, "1.1", Kind.FAILED, Reason.UNKNOWN_USER),
        (551, "", Kind.FAILED, Reason.UNKNOWN_USER),
        (550, "2.1", Kind.FAILED, Reason.UNKNOWN_USER),
        (552, "", Kind.FAILED, Reason.MAILBOX_FULL),
        (552, "2.2", Kind.FAILED, Reason.MAILBOX_FULL),
        (452, "", Kind.DEFERRED, Reason.MAILBOX_FULL),
        (452, "4.5", Kind.DEFERRED, Reason.TOO_FAST),
        (552, "3.4", Kind.FAILED, Reason.TOO_LARGE),
        (501, "", Kind.FAILED, Reason.ADDRESS_SYNTAX),
        (553, "", Kind.FAILED, Reason.ADDRESS_SYNTAX),
        (550, "1.3", Kind.FAILED, Reason.ADDRESS_SYNTAX),
        (554, "7.1", Kind.FAILED, Reason.REFUSED),
        (550, "7.26", Kind.FAILED, Reason.REFUSED),
        (550, "1.8", Kind.DEFERRED, Reason.TROUBLE),
        (503, "", Kind.DEFERRED, Reason.PROTOCOL),
        (450, "1.1", Kind.DEFERRED, Reason.TROUBLE),
        (451, "7.1", Kind.DEFERRED, Reason.TROUBLE),
        (450, "7.28", Kind.DEFERRED, Reason.TOO_FAST),
        (599, "", Kind.DEFERRED, Reason.TROUBLE),
    ],
)
def test_at_rcpt(code: int, subject: str, kind: Kind, reason: Reason) -> None:
    outcome = verdict.of_reply(Stage.RCPT, reply(code, subject))
    assert (outcome.kind, outcome.reason) == (kind, reason)


@pytest.mark.parametrize("stage", ABOUT_THEM)
@pytest.mark.parametrize(
    ("carrier", "reason"),
    [
        (Carrier.DOCOMO, Reason.UNKNOWN_OR_FILTERED),
        (Carrier.AU, Reason.UNKNOWN_OR_FILTERED),
        (Carrier.SOFTBANK, Reason.UNKNOWN_USER),
    ],
)
def test_carriers_say_550_at_any_stage(stage: Stage, carrier: Carrier, reason: Reason) -> None:
    assert verdict.of_reply(stage, reply(550), carrier).reason is reason


def test_a_550_to_the_content_is_not_an_unknown_user() -> None:
    assert verdict.of_reply(Stage.DOT, reply(550)).reason is Reason.REFUSED


def test_the_250_after_the_dot_is_all_that_counts_as_accepted() -> None:
    assert verdict.of_reply(Stage.DOT, reply(250, "0.0")).kind is Kind.ACCEPTED


@given(st.sampled_from(Loss), st.booleans())
def test_a_lost_connection_is_uncertain_once_the_body_was_written(loss: Loss, committed: bool) -> None:
    outcome = verdict.of_loss(loss, committed=committed)
    assert outcome.kind is Kind.DEFERRED
    assert outcome.uncertain == committed
    assert outcome.reason is not Reason.NONE


def test_a_reset_is_a_wish_for_less_before_any_acceptance_and_always_from_au() -> None:
    assert verdict.is_throttle(Loss.RESET, Carrier.DOCOMO, accepted=0)
    assert not verdict.is_throttle(Loss.RESET, Carrier.DOCOMO, accepted=1)
    assert verdict.is_throttle(Loss.RESET, Carrier.AU, accepted=1)
    assert not verdict.is_throttle(Loss.CLOSED, Carrier.AU, accepted=0)
