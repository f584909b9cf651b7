"""The two texts of MTA-STS (RFC 8461): the TXT record that tells of a policy, and the policy.

Owns their grammar and the matching of MX names. Refuses DNS, HTTPS and clocks. Fails with `PolicyInvalid` on
a policy that does not hold to the grammar; a record that does not is no record.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

OCTETS_MAX = 65_536  # "SHOULD be limited to 64 KiB" (RFC 8461 3.2)
MAX_AGE_MAX_S = 31_557_600
_PATTERNS_MAX = 100
_RECORD = re.compile(r"v=STSv1 *(?:;.*)?")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_MX = re.compile(r"(?=.{1,253}\Z)(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")


class PolicyInvalid(Exception):
    """Not a policy (RFC 8461 3.2)."""


class Mode(StrEnum):
    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy as it was fetched. `id` is that of the record that told of it."""

    id: str
    mode: Mode
    max_age_s: int
    mx: tuple[str, ...]

    def lists(self, host: str) -> bool:
        """Whether mail may go to this MX; a wildcard stands for exactly one label (RFC 8461 4.1)."""
        above = host.partition(".")[2]
        return any(
            above == pattern[2:] if pattern.startswith("*.") else host == pattern for pattern in self.mx
        )

    @property
    def text(self) -> tuple[str, ...]:
        """The policy as a report quotes it (RFC 8460 4.2)."""
        return (
            "version: STSv1",
            f"mode: {self.mode}",
            *(f"mx: {pattern}" for pattern in self.mx),
            f"max_age: {self.max_age_s}",
        )

    @classmethod
    def parse(cls, id_: str, body: bytes) -> Self:
        """Raises `PolicyInvalid`."""
        values: dict[str, str] = {}
        mx: list[str] = []
        for name, value in _pairs(body):
            if name == "mx":
                mx.append(_pattern(value))
            else:
                values.setdefault(name, value)  # the first one counts
        if values.get("version") != "STSv1":
            raise PolicyInvalid("version")
        try:
            mode, age = Mode(values["mode"]), values["max_age"]
        except (KeyError, ValueError):
            raise PolicyInvalid("mode or max_age") from None
        if not re.fullmatch(r"[0-9]{1,10}", age):
            raise PolicyInvalid("max_age")
        if mode is not Mode.NONE and not 0 < len(mx) <= _PATTERNS_MAX:
            raise PolicyInvalid("mx")
        return cls(id_, mode, min(int(age), MAX_AGE_MAX_S), tuple(mx))


def record_id(texts: Iterable[str]) -> str | None:
    """The id in the TXT records at `_mta-sts`; None where there is not exactly one (RFC 8461 3.1)."""
    records = [text for text in texts if _RECORD.fullmatch(text)]
    if len(records) != 1:
        return None
    for field in records[0].split(";")[1:]:
        name, equals, value = field.strip(" \t").partition("=")
        if name == "id":
            return value if equals and _ID.fullmatch(value) else None
    return None


def _pairs(body: bytes) -> Iterable[tuple[str, str]]:
    try:
        lines = body.decode("ascii").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise PolicyInvalid("not ASCII") from None
    for line in lines:
        if line.strip():
            name, colon, value = line.partition(":")
            if not colon:
                raise PolicyInvalid("a line without a colon")
            yield name.strip(), value.strip()


def _pattern(value: str) -> str:
    lowered = value.lower().rstrip(".")
    if not _MX.fullmatch(lowered):
        raise PolicyInvalid("mx")
    return lowered
