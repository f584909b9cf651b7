"""MAIL and RCPT: whatever is accepted is an address that is safe to write into our own mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import clock, security_code
from appliance.address import parse_path
from appliance.config.schema import Mail
from smtp import answer_address, return_path
from smtp.inbound import replies
from smtp.inbound.gate import Limits
from smtp.inbound.recipients import Destination, Recipients, Route
from smtp.inbound.replies import Reply
from smtp.inbound.transaction import Transaction
from tests.dialogs.inbound.play import code

KEY = bytes(range(32))
CODE = code()
ANSWER = answer_address.mint(KEY, 4711)
MAIL = Mail(
    hostname="mx.midori.example",
    registration_domain="touroku.midori.example",
    bounce_domain="bounce.midori.example",
    from_address="school@mail.midori.example",
)
ADDRESSES = st.text('ab."\\<>@=?_ ()\r\n\0é:', max_size=30) | st.sampled_from(
    ["a..b@docomo.ne.jp", '"a b"@x.jp', "<a@x.jp>", "@a.jp:b@x.jp", "a@x.jp> SIZE=1"]
)


@pytest.fixture
def transaction() -> Transaction:
    return Transaction(recipients(), Limits(recipients=3))


def recipients() -> Recipients:
    return Recipients(MAIL, KEY, security_code.is_shaped)


@given(ADDRESSES)
def test_whatever_sender_is_taken_goes_out_as_one_clean_word(text: str) -> None:
    begun = Transaction(recipients(), Limits())
    if begun.mail(f"FROM:<{text}>").code == 250 and begun.sender is not None:
        wire = begun.sender.wire()
        assert wire.isascii()
        assert wire.isprintable()
        assert parse_path(f"<{wire}>") == (begun.sender, "")


@given(st.text(max_size=60))
def test_no_argument_makes_it_fail(text: str) -> None:
    begun = Transaction(recipients(), Limits())
    assert isinstance(begun.mail(text), Reply)
    assert isinstance(begun.mail("FROM:" + text), Reply)
    begun.begun = True
    assert isinstance(begun.rcpt("TO:" + text), Reply)


@pytest.mark.parametrize(
    ("recipient", "wanted"),
    [
        (f"{CODE}@touroku.midori.example", Route(Destination.REGISTRATION, CODE)),
        (f"{CODE.upper()}@TOUROKU.midori.example", Route(Destination.REGISTRATION, CODE)),
        ("Postmaster@bounce.midori.example", Route(Destination.POSTMASTER, "postmaster")),
        ("abuse@mx.midori.example", Route(Destination.POSTMASTER, "abuse")),
        ("Toiawase@touroku.midori.example", Route(Destination.INQUIRY, "toiawase")),
        ("inquiry@bounce.midori.example", replies.NO_SUCH_RECIPIENT),
        (f"{ANSWER}@touroku.midori.example", Route(Destination.ANSWER, ANSWER, 4711)),
        (f"{ANSWER}@bounce.midori.example", replies.NO_SUCH_RECIPIENT),
        (f"b{ANSWER[1:]}@bounce.midori.example", replies.NO_SUCH_RECIPIENT),
        ("a" * 33 + "@touroku.midori.example", replies.NO_SUCH_RECIPIENT),
        (f"{CODE}@bounce.midori.example", replies.NO_SUCH_RECIPIENT),
        (f"{CODE}@x.jp", replies.NO_RELAYING),
        ("info@touroku.midori.example", replies.NO_SUCH_RECIPIENT),
        ("School@mail.midori.example", replies.NOBODY_READS),
        ("b" + "a" * 32 + "@bounce.midori.example", replies.NO_SUCH_RECIPIENT),
    ],
)
def test_the_table_of_recipients(recipient: str, wanted: Route | Reply) -> None:
    address, _ = parse_path(f"<{recipient}>")
    assert address is not None
    assert recipients().route(address) == wanted


def test_a_return_path_leads_to_its_delivery() -> None:
    address, _ = parse_path(f"<{return_path.mint(KEY, 4711, clock.now()).upper()}@bounce.midori.example>")
    assert address is not None
    route = recipients().route(address)
    assert isinstance(route, Route)
    assert (route.destination, route.delivery_id) == (Destination.BOUNCE, 4711)


def test_recipients_are_few_and_of_one_kind(transaction: Transaction) -> None:
    assert transaction.not_ready() is replies.MAIL_FIRST
    transaction.mail("FROM:<a@x.jp>")
    assert transaction.not_ready() is replies.NO_RECIPIENTS
    codes = [security_code.mint() for _ in range(4)]
    told = [
        transaction.rcpt(f"TO:<{code}@touroku.midori.example>") for code in [*codes[:3], codes[0], codes[3]]
    ]
    assert told == [replies.RECIPIENT_OK] * 4 + [replies.TOO_MANY_RECIPIENTS]
    transaction.reset()
    transaction.mail("FROM:<a@x.jp>")
    transaction.rcpt(f"TO:<{CODE}@touroku.midori.example>")
    assert transaction.rcpt("TO:<postmaster>") is replies.SEND_SEPARATELY
    assert transaction.not_ready() is None
