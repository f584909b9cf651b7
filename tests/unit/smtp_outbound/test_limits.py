"""The limits of the carriers hold for whatever a school is called and whatever it writes.

docomo: lines of at most 1000 octets. SoftBank: a header of at most 12 KB, a mail of at most 1 MB. RFC 2047:
76 octets in a line with an encoded word.
"""

import email
from email.header import decode_header, make_header

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance import address, broadcast, clock, keystore
from appliance.audience import Audience
from appliance.broadcast.draft import SUBJECT_MAX, TEXT_MAX, clean_body, clean_subject
from appliance.config import Config, Zone
from appliance.delivery import Claimed
from appliance.errors import TextInvalid
from appliance.models import Broadcast
from smtp.render import Renderer
from tests.flows.ward import Ward, found

LINE, WORDS_LINE, HEADER, MAIL = 1000, 76, 12 * 1024, 1_000_000
SCHOOL_NAME = 100

# Everything that a keyboard gives, the four-octet characters of names (𠮷, 👨‍👩‍👧) first.
wild = st.text(
    st.one_of(
        st.sampled_from('𠮷髙﨑①㈱～👨\u200d👩\u200d👧é\u0301\u202e\ufeff=?_"\\<>,;:@().'),
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")),
    ),
    min_size=1,
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is rendered is the same on both."""
    return sqlite_url


@pytest.fixture
def ward(database: Config) -> Ward:
    return found(database)


def rendered(ward: Ward, written: Broadcast, to: str) -> bytes:
    renderer = Renderer(ward.config, keystore.open_keyring(ward.config, Zone.MAIL))
    claimed = Claimed(
        id=2**40, kind="broadcast", school_id=ward.school.id, broadcast_id=written.id, registration_id=None,
        address_id=2**40, site="other", lane=2, turn=1, attempts=1, token=1, created_at=clock.now(),
        expires_at=clock.now(), sealed=b"",
    )  # fmt: skip
    renderer.prepare([claimed])
    return renderer.message(claimed, address.parse(to)).content


def assert_within_limits(content: bytes) -> None:
    head, _, _ = content.partition(b"\r\n\r\n")
    assert len(head) <= HEADER
    assert len(content) <= MAIL
    assert max(map(len, content.split(b"\r\n"))) <= LINE - 2
    assert max(len(line) for line in head.split(b"\r\n") if b"=?utf-8?" in line) <= WORDS_LINE


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    school=wild.filter(str.isprintable).map(lambda text: text[:SCHOOL_NAME]),
    subject=wild.map(lambda text: text[:SUBJECT_MAX]),
    body=wild.map(lambda text: text[:TEXT_MAX]),
    local=st.text("abcdefghij.-_", min_size=1, max_size=64).filter(lambda text: text[0].isalpha()),
)
def test_whatever_is_written_keeps_within_the_limits(
    ward: Ward, school: str, subject: str, body: str, local: str
) -> None:
    ward.school.name = school
    ward.school.save()
    try:
        written = ward.draft(
            urgent=False, subject=clean_subject(subject, complete=True), body=clean_body(body, complete=True)
        )
    except TextInvalid as refused:
        if refused.reason not in ("empty", "control"):
            raise
        return
    content = rendered(ward, written, f"{local}@{'x' * 60}.{'y' * 60}.example")
    assert_within_limits(content)
    shown = str(make_header(decode_header(email.message_from_bytes(content)["Subject"])))
    assert shown == f"【{school}】{written.subject}"


def test_the_longest_of_everything_keeps_within_the_limits(ward: Ward) -> None:
    ward.school.name = "𠮷" * SCHOOL_NAME
    ward.school.save()
    written = ward.draft(urgent=False, subject="𠮷" * SUBJECT_MAX, body="𠮷" * TEXT_MAX)
    longest = f"{'a' * 64}@{'.'.join(['b' * 59] * 3)}.jp"
    assert_within_limits(rendered(ward, written, longest))


def test_a_longer_text_is_no_draft(ward: Ward) -> None:
    for field, longest in (("subject", SUBJECT_MAX), ("body", TEXT_MAX)):
        with pytest.raises(TextInvalid) as refused:
            broadcast.draft(
                ward.actor(), ward.school, urgent=False, category="event", once_key="k", now=clock.now(),
                audience=Audience(None), **{field: "あ" * (longest + 1)},
            )  # fmt: skip
        assert (refused.value.field, refused.value.reason) == (field, "too_long")
