"""Checkpoints are signed notes as others write them, and nothing else is read as one."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import NoteInvalid
from appliance.record import note
from appliance.record.note import LOG, WITNESS, Checkpoint, Signer

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
ORIGIN = "touroku.midori.example/karamail"
LOG_KEY = Signer(ORIGIN, LOG, Ed25519PrivateKey.from_private_bytes(bytes(32)))
EYE = Signer("mx2.midori.example/witness", WITNESS, Ed25519PrivateKey.from_private_bytes(b"w" * 32))
CHECKPOINT = Checkpoint(ORIGIN, 43_000, bytes(range(32)), NOW)
SIGNED = note.write(CHECKPOINT, [line.line(CHECKPOINT.text, NOW) for line in (LOG_KEY, EYE)])


def test_a_checkpoint_says_who_how_many_which_root_and_when() -> None:
    assert SIGNED.splitlines()[:5] == [
        ORIGIN, "43000", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "time 2026-11-26T06:00:00Z", "",
    ]  # fmt: skip
    assert note.read(SIGNED, [LOG_KEY.key, EYE.key]) == (CHECKPOINT, [ORIGIN, EYE.name])


def test_the_published_key_of_another_implementation_is_read() -> None:
    """The example of the signed-note documentation of Go's module database."""
    key = note.read_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert (key.name, key.kind) == ("PeterNeumann", LOG)
    assert key.text.endswith("10TW")


def test_a_witness_that_nobody_knows_is_passed_over_but_the_log_must_be_known() -> None:
    assert note.read(SIGNED, [LOG_KEY.key])[1] == [ORIGIN]
    with pytest.raises(NoteInvalid, match="known key"):
        note.read(SIGNED, [EYE.key])


@given(st.integers(0, len(SIGNED) - 1), st.characters(max_codepoint=0x2FFF))
def test_no_changed_character_passes(place: int, new: str) -> None:
    changed = SIGNED[:place] + new + SIGNED[place + 1 :]
    if changed == SIGNED:
        return
    try:
        found, signed = note.read(changed, [LOG_KEY.key, EYE.key])
    except NoteInvalid:
        return
    assert found == CHECKPOINT
    assert signed == [ORIGIN], "a line that is no longer the witness's"


@given(st.text())
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(NoteInvalid):
        note.read(text, [LOG_KEY.key])
    with pytest.raises(NoteInvalid):
        note.read_key(text)


def test_a_key_that_was_exchanged_counts_for_what_it_had_signed_and_no_further() -> None:
    def until(size: int) -> note.VerifierKey:
        return note.read_key(f"{LOG_KEY.key.text} until {size}")

    assert note.read(SIGNED, [until(43_000)])[1] == [ORIGIN]
    for keys in ([until(42_999)], [LOG_KEY.key, until(42_999)], [until(42_999), LOG_KEY.key]):
        with pytest.raises(NoteInvalid, match="known key"):
            note.read(SIGNED, keys)
    assert until(7).text.endswith(" until 7")


@pytest.mark.parametrize("until", ["-1", "07", "yesterday", "7 8", "9" * 20])
def test_a_key_that_counts_until_nobody_knows_when_is_refused(until: str) -> None:
    with pytest.raises(NoteInvalid, match="until nobody knows when"):
        note.read_key(f"{LOG_KEY.key.text} until {until}")


def test_a_mistyped_key_is_noticed() -> None:
    with pytest.raises(NoteInvalid, match="mistyped"):
        note.read_key(LOG_KEY.key.text.replace("+AT", "+AU"))
