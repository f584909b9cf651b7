"""Tokens of links: written for mail programs and thumbs, kept only as a hash."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import token
from appliance.errors import TokenUnknown


@given(st.binary(min_size=token.OCTETS, max_size=token.OCTETS))
def test_a_token_reads_back_however_the_phone_capitalises_it(secret: bytes) -> None:
    text = token.write(secret)
    assert len(text) == 26
    assert token.read(text) == token.read(text.upper()) == secret


@given(st.one_of(st.text(max_size=40), st.text("abcxyz234567=189 ", min_size=26, max_size=26)))
def test_whatever_is_typed_is_a_token_or_unknown(text: str) -> None:
    try:
        assert len(token.read(text)) == token.OCTETS
    except TokenUnknown:
        return


@pytest.mark.parametrize("text", ["", "a" * 25, "a" * 27, "a" * 25 + "=", "a" * 25 + "1", "あ" * 26])
def test_a_mutilated_link_is_unknown(text: str) -> None:
    with pytest.raises(TokenUnknown):
        token.read(text)


def test_what_is_kept_does_not_open_the_link() -> None:
    secret = secrets.token_bytes(token.OCTETS)
    assert secret not in token.hashed(secret)
    assert len(token.fresh()) == 32
    assert token.fresh() != token.fresh()
