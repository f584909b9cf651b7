"""Signed addresses and links are written as ever: mails that are out already come back under them."""

import hashlib
import hmac
from base64 import b32encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import link, stamp
from smtp import answer_address, return_path

LONG = b"another key of some length, longer than one block of sixty-four octets, for HMAC"
MADE = datetime(2026, 11, 26, tzinfo=UTC)
WRITTEN = [  # by the code before this module
    (b"k" * 32, 1, "bt5is6aaaaaaaaaab2zjydu7nvhlkf67e", "axeaaaaaaaaaaaajw6hsst7g363gew7au",
     "aaaaaaaaaaaacchmm2wywfiqzbmz3m74"),
    (b"k" * 32, 4711, "bt5is6aaaaaaaaethazt6gwlbdmbgys5a", "axeaaaaaaaaabez2h56n4n2brper3fgcu",
     "aaaaaaaaaajgpxfgm6qabgn7jgngv6bl"),
    (b"k" * 32, 2**40 + 12345, "bt5is6aabaaaaambzah6wahlbso2sxgla", "axeaaaaiaaaadaom2dvpmbrfqn3gj6l6y",
     "aaaacaaaaaydtf2rjvuxirlzdvponiu7"),
    (LONG, 1, "bsfis6aaaaaaaaaab4ws7iuf6xzqttub2", "ae4aaaaaaaaaaaajwkal3bfiriqtjet5f",
     "aaaaaaaaaaaac2qo452uk2eoe5sa2bts"),
    (LONG, 4711, "bsfis6aaaaaaaaethba4bytm6dujmexlm", "ae4aaaaaaaaabez5vt7ymwwtcunswmiif",
     "aaaaaaaaaajgotiamil2yl5fobidde4j"),
    (LONG, 2**40 + 12345, "bsfis6aabaaaaambznxdbqp3na5zf5vd7", "ae4aaaaiaaaadaoo5gl7v5tqkxjbv7dtp",
     "aaaacaaaaayds3tkqv2ihtzphh2kx37c"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "number", "path", "answers", "token"), WRITTEN)
def test_they_are_written_as_ever(key: bytes, number: int, path: str, answers: str, token: str) -> None:
    assert return_path.mint(key, number, MADE) == path
    assert answer_address.mint(key, number) == answers
    assert link.mint(key, "routine", number) == token


@given(st.binary(min_size=20, max_size=20))
def test_the_text_is_base32(octets: bytes) -> None:
    assert stamp.text(octets) == b32encode(octets).decode("ascii").lower()


@given(st.binary(min_size=1, max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_the_mac_is_hmac_sha256_and_leaves_nothing_behind(key: bytes, purpose: bytes, value: bytes) -> None:
    expected = hmac.digest(key, purpose + value, hashlib.sha256)
    assert stamp.mac(key, purpose, value) == expected
    assert stamp.mac(key, purpose, value) == expected
