"""The worker's journal: what happened since the last commit, kept where a kill -9 cannot reach it.

Owns one append-only file per worker. `committing` is written before a body goes out, the outcome when the
reply is in, each with one write(2): the kernel has it even if the process is gone the next moment. (A power
cut may lose the last lines; the lease then runs out and the deliveries are marked uncertain.) After each
commit of a group the file is cut, once nothing in it is still open. Refuses personal data: ids and codes.
Fails with OSError when the disk refuses; the relay then stops claiming.

One line per event: `C <id> <token>` or
`O <id> <token> <lane> <attempts> <kind> <code> <enhanced|-> <reason|-> <uncertain> <throttled> <micros>`.
"""

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.delivery.outcome import Kind, Outcome, Reason
from appliance.delivery.settle import Result
from appliance.models.fields import micros, moment

_CUT_ABOVE_BYTES = 1 << 20
_ROOM = b"\n" * (1 << 16)
"""Room for about a thousand lines; blank ones say nothing, should a kill leave them there."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a killed worker left: results to settle, and ids whose body was on its way."""

    results: list[Result]
    uncertain: set[int]


class Journal:
    """Opened by exactly one worker."""

    def __init__(self, path: Path, worker: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._worker = worker
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._open: dict[int, int] = {}
        self._torn = False
        self._written = os.fstat(self._file).st_size

    @property
    def open_ids(self) -> set[int]:
        """Deliveries whose body may be out and whose end is not noted here."""
        return set(self._open)

    def replay(self) -> Replay:
        """Reads what the predecessor left. A half-written or torn line is what was never said."""
        committing: dict[int, int] = {}
        results: dict[int, Result] = {}
        for line in self._path.read_bytes().split(b"\n")[:-1]:
            words = line.decode("ascii", "replace").split(" ")
            try:
                if words[0] == "C" and len(words) == 3:
                    committing[int(words[1])] = int(words[2])
                elif words[0] == "O" and len(words) == 12:
                    result = self._result(words)
                    committing.pop(result.delivery_id, None)
                    results[result.delivery_id] = result
            except ValueError:
                continue  # a torn line; its delivery stays what the lines before it say
        return Replay(list(results.values()), set(committing))

    def _result(self, words: list[str]) -> Result:
        outcome = Outcome(
            kind=Kind(words[5]),
            code=int(words[6]),
            enhanced="" if words[7] == "-" else words[7],
            reason=Reason("" if words[8] == "-" else words[8]),
            uncertain=words[9] == "1",
            throttled=words[10] == "1",
        )
        return Result(
            delivery_id=int(words[1]),
            token=int(words[2]),
            lane=int(words[3]),
            attempts=int(words[4]),
            worker=self._worker,
            outcome=outcome,
            at=moment(int(words[11])),
        )

    def need_room(self) -> None:
        """Raises OSError where the disk would not take what a worker writes in its next moments."""
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, _ROOM) < len(_ROOM):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.ftruncate(self._file, size)

    def clear(self) -> None:
        """After a replay has been committed."""
        os.ftruncate(self._file, 0)
        self._written = 0
        self._open.clear()

    def committing(self, delivery_id: int, token: int) -> None:
        """The body's bytes are about to go; from here the receiver may have the mail."""
        self._append(b"C %d %d\n" % (delivery_id, token))
        self._open[delivery_id] = token

    def outcome(self, result: Result) -> None:
        """The attempt's end is known."""
        outcome = result.outcome
        self._append(
            b"O %d %d %d %d %s %d %s %s %d %d %d\n"
            % (
                result.delivery_id,
                result.token,
                result.lane,
                result.attempts,
                outcome.kind.encode(),
                outcome.code,
                outcome.enhanced.encode() or b"-",
                outcome.reason.encode() or b"-",
                outcome.uncertain,
                outcome.throttled,
                micros(result.at),
            )
        )
        self._open.pop(result.delivery_id, None)

    def settled(self, waiting: Iterable[Result]) -> None:
        """A group is committed. Cuts a long file, keeping what is still open and not yet committed."""
        if self._written < _CUT_ABOVE_BYTES:
            return
        in_flight, waiting = dict(self._open), list(waiting)
        fresh = self._path.with_suffix(".new")
        old = self._file
        self._file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
        self._written = 0
        for delivery_id, token in in_flight.items():
            self.committing(delivery_id, token)
        for result in waiting:
            self.outcome(result)
        os.replace(fresh, self._path)
        os.close(old)

    def _append(self, line: bytes) -> None:
        view = memoryview(b" torn\n" + line if self._torn else line)
        self._torn = True  # a full disk takes half a line: the next one must not become its end
        while view:
            count = os.write(self._file, view)
            self._written += count
            view = view[count:]
        self._torn = False

    def close(self) -> None:
        os.close(self._file)
