"""People who try again and again while something breaks: a login, an empty mail to each server.

Owns their attempts and when each began and ended. Refuses to know what broke. Cannot fail: an attempt that
raised is one that did not work.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import TracebackType
from typing import Self

from demo.carriers.mailboxes import box_of
from demo.phones.owners import Flavour, Phone
from tests.lab import blasts, people, places
from tests.lab.people import Browser
from tests.lab.places import Node
from tests.lab.ward import PASSWORD

_EVERY_S = 1.0
_FIRST_STRANGER = 50_000
_OTHERS_EACH_TIME = 9_000
"""Whoever writes a second time within the hour is put off: a test that is run again has other strangers. The
carriers know mailboxes up to 60,000."""
_PATIENCE_S = 8.0
_PAUSE_S = 3.0
"""Longer than between two mails that are taken when all is well."""


@dataclass(frozen=True, slots=True)
class Attempt:
    began_s: float
    ended_s: float
    worked: bool
    said: str


class Probe:
    """`with Probe(attempt)`: one attempt after the other in a thread, at least a second apart.

    `attempt` returns what it was told; raising or returning "" is a failure.
    """

    def __init__(self, attempt: Callable[[], str]) -> None:
        self._attempt = attempt
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.attempts: list[Attempt] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.is_set():
            began_s = time.monotonic()
            try:
                said = self._attempt()
                worked = bool(said)
            except Exception as error:  # noqa: BLE001  # whatever it was, it did not work
                said, worked = f"{type(error).__name__}: {error}"[:200], False
            self.attempts.append(Attempt(began_s, time.monotonic(), worked, said))
            self._stopped.wait(max(0.0, _EVERY_S - (time.monotonic() - began_s)))

    def works_since(self, moment_s: float) -> bool:
        """Whether an attempt that began after the moment worked."""
        return any(each.worked and each.began_s >= moment_s for each in self.attempts)

    def longest_pause_s(self, since_s: float) -> float:
        """The longest time after `since_s` between two attempts that worked."""
        worked = [each.ended_s for each in self.attempts if each.worked and each.ended_s >= since_s]
        return max((after - before for before, after in pairwise([since_s, *worked])), default=0.0)

    def outage_s(self, since_s: float, until_s: float) -> float:
        """Until the first attempt that worked after the last that failed; 0 when none failed."""
        inside = [each for each in self.attempts if each.ended_s >= since_s and each.began_s <= until_s]
        failed = [each.ended_s for each in inside if not each.worked]
        if not failed:
            return 0.0
        worked = [each.ended_s for each in self.attempts if each.worked and each.ended_s > failed[-1]]
        return (worked[0] if worked else time.monotonic()) - since_s


def log_in() -> str:
    """The principal, at the address of the sites; what the browser shows afterwards."""
    with Browser("admin") as browser:
        page = browser.open("/login")
        home = browser.submit("/login", page, login_id="kouchou", password=PASSWORD)
        if home.status_code != 200 or "みなも小学校" not in home.text:
            raise ConnectionError(f"{home.status_code}")
        return "logged in"


class Strangers:
    """New guardians at each of our mail servers, about one a second; a carrier's server knows all three.

    `with Strangers(code) as strangers`.
    """

    def __init__(self, code: str) -> None:
        self._code = code
        self._people = blasts.people(_FIRST_STRANGER + int(time.time()) % _OTHERS_EACH_TIME)
        self._one_at_a_time = threading.Lock()
        self._probes = [Probe(partial(self._send_one, node)) for node in places.NODES]
        self._entered = ExitStack()
        self.promised: list[str] = []
        """Mailboxes of those who were told 250: each of them gets a reply, or it was a lie."""

    def __enter__(self) -> Self:
        for probe in self._probes:
            self._entered.enter_context(probe)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    @property
    def attempts(self) -> list[Attempt]:
        """At all servers."""
        return [each for probe in self._probes for each in probe.attempts]

    def works_since(self, moment_s: float) -> bool:
        """Whether some server took a mail that was sent after the moment."""
        return any(probe.works_since(moment_s) for probe in self._probes)

    def outage_s(self, since_s: float, until_s: float) -> float:
        """How long after `since_s` some server took mails again without a pause; 0 where one always did."""
        taken = sorted(each.ended_s for each in self.attempts if each.worked and each.ended_s >= since_s)
        ends = [after for before, after in pairwise([since_s, *taken]) if after - before > _PAUSE_S]
        if not taken or until_s - taken[-1] > _PATIENCE_S:
            return time.monotonic() - since_s
        return ends[-1] - since_s if ends else 0.0

    def _send_one(self, node: Node) -> str:
        with self._one_at_a_time:
            person = next(self._people)
        phone = Phone("", person.name, "", person.address.wire(), Flavour.ANDROID, "ja", "", "")
        code, words = people.send_empty_mail(phone, self._code, node, timeout_s=_PATIENCE_S)
        if code != 250:
            raise ConnectionError(f"{node.name} {code} {words!r}")
        self.promised.append(box_of(person.address))
        return "250"

    def unanswered(self) -> list[str]:
        """Who was promised something and has nothing."""
        found = blasts.taken_by_mailbox()
        return [box for box in self.promised if not found.get(box)]


class Pauses:
    """How long no carrier took any mail: looks four times a second."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, int]] = []

    def look(self) -> int:
        count = blasts.taken_in_all()
        self._moments.append((time.monotonic(), count))
        return count

    def longest_s(self, since_s: float, until_count: int) -> float:
        """The longest time without a mail after `since_s`, until so many had been taken."""
        longest, still_s, before = 0.0, since_s, 0
        for moment_s, count in self._moments:
            if moment_s >= since_s and before < until_count:
                longest = max(longest, moment_s - still_s)
                if count > before:
                    still_s = moment_s
            before = max(before, count)
        return longest
