"""Column types that both databases store alike.

Owns `MomentField`, `SealedField` and `row_id`. Refuses to know tables. Fails with ValueError on a naive time
and LookupError on a sealed value that was not read.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import BigIntegerField, BlobField, FieldAccessor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What we reckon with: decades can be added to it."""
_EARLIEST, _LATEST = (EARLIEST - _EPOCH) // _MICROSECOND, (LATEST - _EPOCH) // _MICROSECOND


class MomentField(BigIntegerField):  # type: ignore[misc]  # peewee is untyped
    """An aware UTC moment, stored as whole microseconds since 1970: exact, and sorted alike everywhere.

    A number that no program of ours wrote, out of which no time can be made, is read as the nearest one that
    we reckon with: whoever may write a row of a queue must not end those who read it.
    """

    def db_value(self, value: datetime | None) -> int | None:
        return None if value is None else micros(value)

    def python_value(self, value: int | None) -> datetime | None:
        return None if value is None else moment(value)


class _Sealed(FieldAccessor):  # type: ignore[misc]  # peewee is untyped
    def __get__(self, instance: Any, instance_type: Any = None) -> Any:
        if instance is not None and self.name not in instance.__data__:
            raise LookupError(f"{self.name} was not read: a sealed column comes only when the query names it")
        return super().__get__(instance, instance_type)


class SealedField(BlobField):  # type: ignore[misc]
    """A value that only some zone's key opens. No read brings it along unasked: see `base.Table.select`.

    Whoever asks a row for it without having read it gets a LookupError, never an empty value.
    """

    accessor_class = _Sealed


def micros(value: datetime) -> int:
    """A moment as the database keeps it. Raises ValueError on a naive time."""
    if value.tzinfo is None:
        raise ValueError("a naive time never enters the database")
    return (value - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Microseconds of a raw row as a moment, between `EARLIEST` and `LATEST`."""
    if not _EARLIEST <= value <= _LATEST:
        return EARLIEST if value < 0 else LATEST
    return _EPOCH + value * _MICROSECOND


def row_id() -> int:
    """A random 63-bit primary key, known before the insert, so that a sealed value can be bound to it."""
    return secrets.randbits(63) or 1
